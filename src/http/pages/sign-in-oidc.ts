import type { Context, Hono } from 'hono'
import { isRunbookError, messageOf, RunbookError } from '../../core/errors.ts'
import type { Engine } from '../../engine/engine.ts'
import { OIDC_SIGN_IN_LASTS_MS, openOidcSignIn, type OidcSignIn } from '../../engine/oidc-sign-in.ts'
import { signInByIdentity } from '../../engine/sessions.ts'
import { newApp, type ApiEnv } from '../app.ts'
import { addressOf, RateLimit, tooMany } from '../limits.ts'
import { setSignInCookie, takeSignInCookie } from '../session-cookie.ts'
import { keepSession, openAgain, ownPath, signInPage } from './sign-in.tsx'

/** The routes for signing in to the pages at the identity provider. */
export function oidcRoutes(engine: Engine): Hono<ApiEnv> {
  const app = newApp()
  const signIn = openOidcSignIn(engine.config)
  const begun = new RateLimit(engine.config.limits.failedLoginsPerMinute)
  app.get('/sign-in/oidc', async (c) => {
    const provider = required(signIn)
    const seconds = begun.take(addressOf(c))
    if (seconds > 0) throw tooMany('this address began too many sign-ins', seconds)
    const { address, kept } = await provider.begin(ownPath(c.req.query('next')))
    setSignInCookie(c, kept, OIDC_SIGN_IN_LASTS_MS)
    return c.redirect(address, 303)
  })
  app.get('/sign-in/oidc/callback', (c) => finish(c, engine, required(signIn)))
  return app
}

async function finish(c: Context<ApiEnv>, engine: Engine, signIn: OidcSignIn): Promise<Response> {
  try {
    const { identity, next } = await signIn.finish(new URL(c.req.url).search, takeSignInCookie(c))
    keepSession(c, await signInByIdentity(engine, identity))
    // The browser came from the provider's site, so it would not send the cookie of the new session after a redirect.
    return openAgain(c, ownPath(next))
  } catch (error) {
    const counted = c.get('limitFailures')(error)
    if (counted !== error || !isRunbookError(error, 'RUNBOOK_NOT_AUTHENTICATED')) throw counted
    return signInPage(c, engine, { next: '/', problem: `${messageOf(error)}.` })
  }
}

function required(signIn: OidcSignIn | undefined): OidcSignIn {
  if (signIn) return signIn
  throw new RunbookError(
    'RUNBOOK_NOT_FOUND',
    'no identity provider is configured for signing in (oidc.signIn in runbook.config.yaml): sign in with your token',
  )
}
