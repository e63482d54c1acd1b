import type { Context, Hono } from 'hono'
import { z } from 'zod'
import { RunbookError } from '../../core/errors.ts'
import type { Engine } from '../../engine/engine.ts'
import { signIn, signInByCode, signOut, signOutEverywhere, type NewSession } from '../../engine/sessions.ts'
import { newApp, type ApiEnv } from '../app.ts'
import { deleteSessionCookie, isSecure, readSessionCookie, setSessionCookie } from '../session-cookie.ts'
import { answerPage } from './layout.tsx'
import { pageContext } from './page-context.ts'

const tokenForm = z.object({ token: z.string().trim().min(1).max(4_000), next: z.string().optional() })
const codeForm = z.object({ code: z.string().min(1).max(200) })

export function signInRoutes(engine: Engine): Hono<ApiEnv> {
  const app = newApp()
  app.get('/sign-in', (c) => signInPage(c, engine, { next: ownPath(c.req.query('next')) }))
  app.post('/sign-in', async (c) => {
    const form = tokenForm.safeParse(await c.req.parseBody())
    const next = ownPath(form.data?.next)
    if (!form.success) return signInPage(c, engine, { next, problem: 'Enter your token.' })
    try {
      return enter(c, await signIn(engine, form.data.token), next)
    } catch (error) {
      const counted = c.get('limitFailures')(error)
      if (counted !== error || !(error instanceof RunbookError) || error.code !== 'RUNBOOK_NOT_AUTHENTICATED')
        throw counted
      return signInPage(c, engine, { next, problem: 'This token belongs to nobody in the configuration.' })
    }
  })
  app.get('/sign-in/link', (c) => linkPage(c, engine, c.req.query('code') ?? ''))
  app.post('/sign-in/link', async (c) => {
    const form = codeForm.safeParse(await c.req.parseBody())
    try {
      return enter(c, await signInByCode(engine, form.data?.code ?? ''), '/')
    } catch (error) {
      throw c.get('limitFailures')(error)
    }
  })
  app.post('/sign-out', async (c) => {
    await signOut(engine, readSessionCookie(c)!)
    return leave(c)
  })
  app.post('/sign-out-everywhere', async (c) => {
    await signOutEverywhere(engine, c.get('person'))
    return leave(c)
  })
  return app
}

/**
 * Starts a session for the browser. An earlier session of the same browser is not ended: it belongs to the same person or expires by
 * itself.
 */
function enter(c: Context, session: NewSession, next: string): Response {
  keepSession(c, session)
  return c.redirect(next, 303)
}

/** Gives the session to the browser. Throws `RUNBOOK_NOT_ALLOWED` if the browser would not keep it. */
export function keepSession(c: Context, session: NewSession): void {
  const isEncrypted = !c.req.header('origin')?.startsWith('http:')
  if (isSecure(c) && !isEncrypted)
    throw new RunbookError(
      'RUNBOOK_NOT_ALLOWED',
      'this address is not encrypted (http:), so the browser would not keep you signed in. Open the pages with https: (a proxy with TLS in front of "runbook serve"), or on the machine itself.',
    )
  setSessionCookie(c, session)
}

function leave(c: Context): Response {
  deleteSessionCookie(c)
  return c.redirect('/sign-in', 303)
}

/**
 * The answer to a person without a session. A browser does not send the session cookie when a link on another site, such as a chat, is
 * followed. The answer to such a request is a page that opens the same address again.
 */
export function askToSignIn(c: Context<ApiEnv>, engine: Engine, problem: string): Response | Promise<Response> {
  const isRead = c.req.method === 'GET' || c.req.method === 'HEAD'
  if (!isRead) return signInPage(c, engine, { next: '/', problem: `Nothing was changed: ${problem}.` })
  const path = ownPath(c.req.url.slice(new URL(c.req.url).origin.length))
  if (c.req.header('sec-fetch-site') === 'cross-site' && c.req.query('opened') === undefined) return openAgain(c, path)
  return c.redirect(`/sign-in?next=${encodeURIComponent(path.replace(/[?&]opened=1$/, ''))}`, 303)
}

/**
 * A page that opens one of our own paths. The browser does not send the session cookie for a request that another site caused; it sends the
 * cookie for a request of this page.
 */
export function openAgain(c: Context, path: string): Response | Promise<Response> {
  const address = `${path}${path.includes('?') ? '&' : '?'}opened=1`
  const page = (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta http-equiv="refresh" content={`0; url=${address}`} />
        <title>Runbooks</title>
      </head>
      <body>
        <a href={address}>Continue</a>
      </body>
    </html>
  )
  return c.html(`<!doctype html>${page.toString()}`)
}

/** A path of our own pages, so that a link cannot send a person to another site after signing in. */
export function ownPath(path: string | undefined): string {
  return path !== undefined && /^\/(?![/\\])[\x21-\x7e]*$/.test(path) && !path.startsWith('/sign-') ? path : '/'
}

export function signInPage(c: Context, engine: Engine, { next, problem }: { next: string; problem?: string }) {
  const provider = engine.config.oidc?.signIn
  const children = (
    <>
      <h1>Sign in</h1>
      {problem && (
        <p class="problem" role="alert">
          {problem}
        </p>
      )}
      {provider && (
        <p>
          <a class="button main" href={`/sign-in/oidc?next=${encodeURIComponent(next)}`}>
            Sign in with {provider.label}
          </a>
        </p>
      )}
      <form method="post" action="/sign-in" class="stack">
        <input type="hidden" name="next" value={next} />
        <label for="token">Your token</label>
        <input id="token" name="token" type="password" autocomplete="current-password" required />
        <button type="submit" class="main">
          Sign in
        </button>
      </form>
      <p>
        On a machine where your token is set, <code>runbook sign-in</code> prints a link that signs you in once.
      </p>
    </>
  )
  return answerPage(c, { page: pageContext(engine), title: 'Sign in', children }, problem ? 401 : 200)
}

/** Shows a form, because a link preview loads this page too. The link counts as used only when a person sends the form. */
function linkPage(c: Context, engine: Engine, code: string) {
  const children = (
    <>
      <h1>Sign in</h1>
      <p>This link signs you in on this device. It works once.</p>
      <form method="post" action="/sign-in/link" class="stack">
        <input type="hidden" name="code" value={code} />
        <button type="submit" class="main">
          Sign in
        </button>
      </form>
    </>
  )
  return answerPage(c, { page: pageContext(engine), title: 'Sign in', children })
}
