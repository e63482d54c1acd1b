import type { Context } from 'hono'
import { deleteCookie, getCookie, setCookie } from 'hono/cookie'
import type { NewSession } from '../engine/sessions.ts'

/**
 * The prefix makes browsers accept the cookie only over HTTPS and only for this host. On the machine itself the pages are served over plain
 * HTTP, where no browser accepts a cookie with the prefix. The name there has no prefix.
 */
const SECURE_PREFIX = '__Host-'
const SESSION = 'runbook'
/** A sign-in that was begun at the identity provider. */
const SIGN_IN = 'runbook-sign-in'

export function readSessionCookie(c: Context): string | undefined {
  return getCookie(c, nameOf(c, SESSION))
}

export function setSessionCookie(c: Context, { value, lastsMs }: NewSession): void {
  keep(c, SESSION, value, lastsMs, 'Strict')
}

export function deleteSessionCookie(c: Context): void {
  forget(c, SESSION)
}

/**
 * Stores the sign-in that was begun in a cookie. The browser must send the cookie when the provider's site leads back here, so the cookie
 * is not `Strict`.
 */
export function setSignInCookie(c: Context, value: string, lastsMs: number): void {
  keep(c, SIGN_IN, value, lastsMs, 'Lax')
}

/** Returns the sign-in that this browser began, and deletes it, so that it is used only once. */
export function takeSignInCookie(c: Context): string | undefined {
  const value = getCookie(c, nameOf(c, SIGN_IN))
  if (value !== undefined) forget(c, SIGN_IN)
  return value
}

function nameOf(c: Context, name: string): string {
  return isSecure(c) ? `${SECURE_PREFIX}${name}` : name
}

function keep(c: Context, name: string, value: string, lastsMs: number, sameSite: 'Strict' | 'Lax'): void {
  const maxAge = Math.floor(lastsMs / 1000)
  setCookie(c, nameOf(c, name), value, { path: '/', httpOnly: true, sameSite, maxAge, secure: isSecure(c) })
}

function forget(c: Context, name: string): void {
  deleteCookie(c, nameOf(c, name), { path: '/', secure: isSecure(c) })
}

const LOOPBACK = /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/i

/** Whether the browser uses HTTPS. A browser on the same machine does not, unless a proxy says so. */
export function isSecure(c: Context): boolean {
  return c.req.header('x-forwarded-proto') === 'https' || !LOOPBACK.test(c.req.header('host') ?? '')
}
