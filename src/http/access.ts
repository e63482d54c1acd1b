import type { Context, Hono, MiddlewareHandler } from 'hono'
import { matchedRoutes } from 'hono/route'
import { isRunbookError, RunbookError } from '../core/errors.ts'
import type { Person, Role } from '../core/person.ts'
import type { Engine } from '../engine/engine.ts'
import { ownVersion, VERSION_HEADER } from '../engine/own-version.ts'
import { openLogin } from '../engine/login.ts'
import { sessionOf } from '../engine/sessions.ts'
import type { ApiEnv } from './app.ts'
import { addressOf, RateLimit, tooMany } from './limits.ts'
import { requireFormToken, requireOwnOrigin } from './own-forms.ts'
import { readSessionCookie } from './session-cookie.ts'

/**
 * Who may call a route. `anyone`: no credentials are needed. `source`: a monitoring system or Slack, whose credentials the route itself
 * checks. `token`: a person with a bearer token. `session`: a person who signed in to the pages. A person needs at least the stated role.
 */
export type Access = { by: 'anyone'; page?: true } | { by: 'source' } | { by: 'token' | 'session'; role: Role }

const PUBLIC: Access = { by: 'anyone' }
const PUBLIC_PAGE: Access = { by: 'anyone', page: true }
const READER: Access = { by: 'token', role: 'viewer' }
const WRITER: Access = { by: 'token', role: 'operator' }
const PAGE_READER: Access = { by: 'session', role: 'viewer' }
const PAGE_WRITER: Access = { by: 'session', role: 'operator' }

/** Who may call each route. The API does not start while a route is missing here. */
export const ACCESS: Readonly<Record<string, Access>> = {
  'GET /healthz': PUBLIC,
  'GET /readyz': PUBLIC,
  'GET /openapi.json': PUBLIC,
  'GET /metrics': READER,
  'POST /v1/hooks/:source': { by: 'source' },
  'POST /v1/slack/interactivity': { by: 'source' },
  'GET /v1/alerts/unmatched': READER,
  'POST /v1/alerts/explain': READER,
  'GET /v1/connections': READER,
  'GET /v1/connections/:name': READER,
  'GET /v1/controls': READER,
  'POST /v1/breakers/:connection/close': WRITER,
  'GET /v1/detection': READER,
  'GET /v1/detection/report': READER,
  'POST /v1/detection/:runbook/pause': WRITER,
  'POST /v1/detection/:runbook/resume': WRITER,
  'GET /v1/follow-ups': READER,
  'GET /v1/gates': READER,
  'GET /v1/incidents': READER,
  'POST /v1/incidents': WRITER,
  'GET /v1/incidents/:id': READER,
  'POST /v1/incidents/:id/ack': WRITER,
  'POST /v1/incidents/:id/cancel': WRITER,
  'POST /v1/incidents/:id/claim': WRITER,
  'POST /v1/incidents/:id/decision': WRITER,
  'POST /v1/incidents/:id/done': WRITER,
  'GET /v1/incidents/:id/events': READER,
  'GET /v1/incidents/:id/evidence/:ref': READER,
  'POST /v1/incidents/:id/feedback': WRITER,
  'GET /v1/incidents/:id/follow-ups': READER,
  'POST /v1/incidents/:id/follow-ups': WRITER,
  'POST /v1/incidents/:id/follow-ups/:number/close': WRITER,
  'POST /v1/incidents/:id/notes': WRITER,
  'POST /v1/incidents/:id/retry': WRITER,
  'GET /v1/incidents/:id/review.json': READER,
  'GET /v1/incidents/:id/review.md': READER,
  'POST /v1/incidents/:id/settle': WRITER,
  'POST /v1/incidents/:id/undo': WRITER,
  'POST /v1/incidents/:id/withdraw': WRITER,
  'GET /v1/insights': READER,
  'GET /v1/maintenance': READER,
  'POST /v1/maintenance': WRITER,
  'POST /v1/maintenance/:id/end': WRITER,
  'GET /v1/runbooks': READER,
  'GET /v1/runbooks/:name': READER,
  'GET /v1/runbooks/:name/statistics': READER,
  'GET /v1/runbooks/:name/versions': READER,
  'GET /v1/runbooks/:name/versions/:digest': READER,
  'POST /v1/sign-in-links': READER,

  'GET /assets/:file': PUBLIC,
  'GET /sign-in': PUBLIC_PAGE,
  'POST /sign-in': PUBLIC_PAGE,
  'GET /sign-in/link': PUBLIC_PAGE,
  'POST /sign-in/link': PUBLIC_PAGE,
  'GET /sign-in/oidc': PUBLIC_PAGE,
  'GET /sign-in/oidc/callback': PUBLIC_PAGE,
  'POST /sign-out': PAGE_READER,
  'POST /sign-out-everywhere': PAGE_READER,
  'GET /account': PAGE_READER,
  'POST /account/passkeys': PAGE_WRITER,
  'POST /account/passkeys/remove': PAGE_WRITER,
  'GET /': PAGE_READER,
  'GET /connections': PAGE_READER,
  'GET /connections/:name': PAGE_READER,
  'GET /insights': PAGE_READER,
  'GET /insights/csv/:table': PAGE_READER,
  'GET /status': PAGE_READER,
  'POST /freeze': PAGE_WRITER,
  'POST /unfreeze': PAGE_WRITER,
  'GET /runbooks': PAGE_READER,
  'GET /runbooks/:name': PAGE_READER,
  'POST /runbooks/:name/trigger': PAGE_WRITER,
  'POST /runbooks/:name/preview': PAGE_WRITER,
  'GET /runbooks/:name/versions/:digest': PAGE_READER,
  'GET /incidents/:id': PAGE_READER,
  'GET /incidents/:id/approve': PAGE_READER,
  'GET /incidents/:id/review': PAGE_READER,
  'GET /incidents/:id/review/export/:format': PAGE_READER,
  'POST /incidents/:id/review/feedback': PAGE_WRITER,
  'POST /incidents/:id/review/follow-ups': PAGE_WRITER,
  'POST /incidents/:id/review/follow-ups/:number': PAGE_WRITER,
  'POST /incidents/:id/review/notes': PAGE_WRITER,
  'POST /incidents/:id/claim': PAGE_WRITER,
  'POST /incidents/:id/decision': PAGE_WRITER,
  'POST /incidents/:id/done': PAGE_WRITER,
  'POST /incidents/:id/notes': PAGE_WRITER,
  'POST /incidents/:id/retry': PAGE_WRITER,
  'POST /incidents/:id/undo': PAGE_WRITER,
  'POST /incidents/:id/withdraw': PAGE_WRITER,
  'GET /incidents/:id/events': PAGE_READER,
  'GET /incidents/:id/evidence/:ref': PAGE_READER,
}

/** The routes of the app, as they are named in `ACCESS`. */
export function routesOf(app: Pick<Hono<ApiEnv>, 'routes'>): string[] {
  const named = app.routes.filter(({ method }) => method !== 'ALL').map(({ method, path }) => `${method} ${path}`)
  return [...new Set(named)]
}

/** Throws if a route does not say who may call it. */
export function requireDeclarations(app: Pick<Hono<ApiEnv>, 'routes'>): void {
  const missing = routesOf(app).filter((route) => !Object.hasOwn(ACCESS, route))
  if (missing.length > 0)
    throw new Error(`these routes do not say who may call them: ${missing.join(', ')}. Add them to src/http/access.ts.`)
}

/** Who may call the route of this request; undefined if there is no such route. */
function accessOf(c: Context): Access | undefined {
  const route = matchedRoutes(c).find(({ method }) => method !== 'ALL')
  return route && ACCESS[`${route.method} ${route.path}`]
}

/** Whether the answer of this request is a page for a browser. */
export function isPage(c: Context): boolean {
  const access = accessOf(c)
  return access?.by === 'session' || (access?.by === 'anyone' && access.page === true)
}

/**
 * Lets only the declared callers reach a route. Limits how often a person writes, and how often an address may fail to authenticate. A path
 * under /v1 that does not exist needs a token too, so that nobody without a token can find out which paths exist.
 */
export function checkAccess(engine: Engine): MiddlewareHandler<ApiEnv> {
  const { limits } = engine.config
  const version = ownVersion()
  const login = openLogin(engine.config, engine.people)
  const writes = new RateLimit(limits.writesPerMinute)
  const failures = new RateLimit(limits.failedLoginsPerMinute)
  const limitFailures = (c: Context, error: unknown): unknown => {
    const seconds = isRunbookError(error, 'RUNBOOK_NOT_AUTHENTICATED') ? failures.take(addressOf(c)) : 0
    return seconds > 0 ? tooMany('this address sent too many requests without a valid token', seconds) : error
  }
  const personOf = async (c: Context<ApiEnv>, by: 'token' | 'session'): Promise<Person> => {
    if (by === 'token') return login(bearerToken(c.req.header('authorization')))
    const value = readSessionCookie(c)
    const session = value === undefined ? undefined : await sessionOf(engine, value)
    if (!session)
      throw new RunbookError(
        'RUNBOOK_NOT_AUTHENTICATED',
        'nobody is signed in, or the session has ended: sign in again',
      )
    if (isWrite(c)) await requireFormToken(c, session)
    c.set('session', session)
    return session.person
  }
  return async (c, next) => {
    const access = accessOf(c) ?? (c.req.path.startsWith('/v1/') ? READER : PUBLIC)
    if (access.by !== 'source') c.header('cache-control', 'no-store')
    if (isPage(c) && isWrite(c)) requireOwnOrigin(c)
    if (access.by === 'token' || access.by === 'session') {
      const person = await personOf(c, access.by).catch((error: unknown) => {
        throw access.by === 'token' ? limitFailures(c, error) : error
      })
      if (access.by === 'token') c.header(VERSION_HEADER, version)
      requireRole(person, access.role)
      c.set('person', person)
      const seconds = isWrite(c) ? writes.take(person.name) : 0
      if (seconds > 0)
        throw tooMany(`${person.name} sent more than ${limits.writesPerMinute} changes in a minute`, seconds)
    }
    c.set('limitFailures', (error) => limitFailures(c, error))
    await next()
  }
}

/** Throws `RUNBOOK_NOT_ALLOWED` if the person's role does not include the wanted one. */
function requireRole({ name, role = 'operator' }: Person, wanted: Role): void {
  if (wanted === 'operator' && role === 'viewer')
    throw new RunbookError(
      'RUNBOOK_NOT_ALLOWED',
      `${name} has the role "viewer", which may only read. The role is set in runbook.config.yaml, under "people".`,
    )
}

function isWrite(c: Context): boolean {
  return !['GET', 'HEAD'].includes(c.req.method)
}

function bearerToken(header: string | undefined): string | undefined {
  return /^Bearer +([^\s]+)$/i.exec(header ?? '')?.[1]
}
