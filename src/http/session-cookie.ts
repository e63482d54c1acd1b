import type { Context } from 'hono'
import { deleteCookie, getCookie, setCookie } from 'hono/cookie'
import type { NewSession } from '../engine/sessions.ts'

/**
 * The prefix makes browsers accept the cookie only over HTTPS and only for this host. On this machine itself the pages are served over
 * plain HTTP, where no browser accepts such a cookie, so a name without the prefix is used there.
 */
const SECURE_NAME = '__Host-runbook'
const LOCAL_NAME = 'runbook'

export function readSessionCookie(c: Context): string | undefined {
  return getCookie(c, isSecure(c) ? SECURE_NAME : LOCAL_NAME)
}

export function setSessionCookie(c: Context, { value, lastsMs }: NewSession): void {
  const secure = isSecure(c)
  const maxAge = Math.floor(lastsMs / 1000)
  const options = { path: '/', httpOnly: true, sameSite: 'Strict', maxAge, secure } as const
  setCookie(c, secure ? SECURE_NAME : LOCAL_NAME, value, options)
}

export function deleteSessionCookie(c: Context): void {
  const secure = isSecure(c)
  deleteCookie(c, secure ? SECURE_NAME : LOCAL_NAME, { path: '/', secure })
}

const LOOPBACK = /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/i

/** Whether the browser uses HTTPS. It does not on this machine, unless a proxy says so. */
export function isSecure(c: Context): boolean {
  return c.req.header('x-forwarded-proto') === 'https' || !LOOPBACK.test(c.req.header('host') ?? '')
}
