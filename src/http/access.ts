import type { Context, Hono, MiddlewareHandler } from 'hono'
import { matchedRoutes } from 'hono/route'
import type { Role } from '../core/access.ts'
import { isRunbookError, RunbookError } from '../core/errors.ts'
import type { Person } from '../core/person.ts'
import type { Engine } from '../engine/engine.ts'
import { ownVersion, VERSION_HEADER } from '../engine/own-version.ts'
import { openLogin } from '../engine/login.ts'
import { sessionOf } from '../engine/sessions.ts'
import type { ApiEnv } from './app.ts'
import { addressOf, RateLimit, tooMany } from './limits.ts'
import { requireFormToken, requireOwnOrigin } from './own-forms.ts'
import { pathValues, roleOnRoute, type RouteScope } from './role-on-route.ts'
import { readSessionCookie } from './session-cookie.ts'

/**
 * Who may call a route. `anyone`: no credentials are needed. `source`: a monitoring system or Slack, whose credentials the route itself
 * checks. `token`: a person with a bearer token. `session`: a person who signed in to the pages. A person needs at least the stated role
 * `over` what the route shows or changes.
 */
export type Access = { by: 'anyone'; page?: true } | { by: 'source' } | AccessOfPerson
type AccessOfPerson = { by: 'token' | 'session'; role: Role; over: RouteScope }

const PUBLIC: Access = { by: 'anyone' }
const PUBLIC_PAGE: Access = { by: 'anyone', page: true }
/** A path under /v1 that does not exist: every person with a token may learn that. */
const NO_ROUTE: Access = { by: 'token', role: 'viewer', over: 'self' }

/** Routes about the whole installation. A role that is limited to some runbooks is not enough. */
const READER = token('viewer', 'everything')
const PAGE_READER = page('viewer', 'everything')
const PAGE_WRITER = page('operator', 'everything')

function token(role: Role, over: RouteScope): AccessOfPerson {
  return { by: 'token', role, over }
}

function page(role: Role, over: RouteScope): AccessOfPerson {
  return { by: 'session', role, over }
}

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
  'POST /v1/breakers/:connection/close': token('admin', 'everything'),
  'GET /v1/detection': READER,
  'GET /v1/detection/report': READER,
  'POST /v1/detection/:runbook/pause': token('operator', 'runbook'),
  'POST /v1/detection/:runbook/resume': token('operator', 'runbook'),
  'GET /v1/follow-ups': token('viewer', 'anything'),
  'GET /v1/gates': token('viewer', 'anything'),
  'GET /v1/incidents': token('viewer', 'anything'),
  'POST /v1/incidents': token('operator', 'anything'),
  'GET /v1/incidents/:id': token('viewer', 'incident'),
  'POST /v1/incidents/:id/ack': token('operator', 'incident'),
  'POST /v1/incidents/:id/cancel': token('operator', 'incident'),
  'POST /v1/incidents/:id/claim': token('operator', 'incident'),
  'POST /v1/incidents/:id/decision': token('operator', 'incident'),
  'POST /v1/incidents/:id/done': token('operator', 'incident'),
  'GET /v1/incidents/:id/events': token('viewer', 'incident'),
  'GET /v1/incidents/:id/evidence/:ref': token('viewer', 'incident'),
  'POST /v1/incidents/:id/feedback': token('operator', 'incident'),
  'GET /v1/incidents/:id/follow-ups': token('viewer', 'incident'),
  'POST /v1/incidents/:id/follow-ups': token('operator', 'incident'),
  'POST /v1/incidents/:id/follow-ups/:number/close': token('operator', 'incident'),
  'POST /v1/incidents/:id/notes': token('operator', 'incident'),
  'POST /v1/incidents/:id/retry': token('operator', 'incident'),
  'GET /v1/incidents/:id/review.json': token('viewer', 'incident'),
  'GET /v1/incidents/:id/review.md': token('viewer', 'incident'),
  'POST /v1/incidents/:id/settle': token('approver', 'incident'),
  'POST /v1/incidents/:id/undo': token('operator', 'incident'),
  'POST /v1/incidents/:id/withdraw': token('operator', 'incident'),
  'GET /v1/insights': READER,
  'GET /v1/maintenance': READER,
  'POST /v1/maintenance': token('admin', 'everything'),
  'POST /v1/maintenance/:id/end': token('admin', 'everything'),
  'GET /v1/runbooks': token('viewer', 'anything'),
  'GET /v1/runbooks/:name': token('viewer', 'runbook'),
  'GET /v1/runbooks/:name/statistics': token('viewer', 'runbook'),
  'GET /v1/runbooks/:name/versions': token('viewer', 'runbook'),
  'GET /v1/runbooks/:name/versions/:digest': token('viewer', 'runbook'),
  'POST /v1/sign-in-links': token('viewer', 'self'),
  'GET /v1/status': READER,

  'GET /assets/:file': PUBLIC,
  'GET /sign-in': PUBLIC_PAGE,
  'POST /sign-in': PUBLIC_PAGE,
  'GET /sign-in/link': PUBLIC_PAGE,
  'POST /sign-in/link': PUBLIC_PAGE,
  'GET /sign-in/oidc': PUBLIC_PAGE,
  'GET /sign-in/oidc/callback': PUBLIC_PAGE,
  'POST /sign-out': page('viewer', 'self'),
  'POST /sign-out-everywhere': page('viewer', 'self'),
  'GET /account': page('viewer', 'self'),
  'POST /account/passkeys': page('operator', 'anything'),
  'POST /account/passkeys/remove': page('operator', 'anything'),
  'GET /': page('viewer', 'anything'),
  'GET /connections': PAGE_READER,
  'GET /connections/:name': PAGE_READER,
  'GET /insights': PAGE_READER,
  'GET /insights/csv/:table': PAGE_READER,
  'GET /status': PAGE_READER,
  'POST /freeze': PAGE_WRITER,
  'POST /unfreeze': page('admin', 'everything'),
  'GET /runbooks': page('viewer', 'anything'),
  'GET /runbooks/:name': page('viewer', 'runbook'),
  'POST /runbooks/:name/trigger': page('operator', 'runbook'),
  'POST /runbooks/:name/preview': page('operator', 'runbook'),
  'GET /runbooks/:name/versions/:digest': page('viewer', 'runbook'),
  'GET /incidents/:id': page('viewer', 'incident'),
  'GET /incidents/:id/approve': page('viewer', 'incident'),
  'GET /incidents/:id/review': page('viewer', 'incident'),
  'GET /incidents/:id/review/export/:format': page('viewer', 'incident'),
  'POST /incidents/:id/review/feedback': page('operator', 'incident'),
  'POST /incidents/:id/review/follow-ups': page('operator', 'incident'),
  'POST /incidents/:id/review/follow-ups/:number': page('operator', 'incident'),
  'POST /incidents/:id/review/notes': page('operator', 'incident'),
  'POST /incidents/:id/claim': page('operator', 'incident'),
  'POST /incidents/:id/decision': page('operator', 'incident'),
  'POST /incidents/:id/done': page('operator', 'incident'),
  'POST /incidents/:id/notes': page('operator', 'incident'),
  'POST /incidents/:id/retry': page('operator', 'incident'),
  'POST /incidents/:id/undo': page('operator', 'incident'),
  'POST /incidents/:id/withdraw': page('operator', 'incident'),
  'GET /incidents/:id/events': page('viewer', 'incident'),
  'GET /incidents/:id/evidence/:ref': page('viewer', 'incident'),
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
  const unlimited = Object.entries(ACCESS).filter(
    ([route, access]) => 'over' in access && !fitsPath(route, access.over),
  )
  if (unlimited.length > 0)
    throw new Error(
      `the paths of these routes name an incident or a runbook, but their role is not held over it: ${unlimited.map(([route]) => route).join(', ')}. Change them in src/http/access.ts.`,
    )
}

/** Whether the role of a route is held over the incident or the runbook that its path names. */
function fitsPath(route: string, over: RouteScope): boolean {
  if (route.includes('/incidents/:id')) return over === 'incident'
  return /\/(runbooks\/:name|detection\/:runbook)/.test(route) ? over === 'runbook' : true
}

/** Who may call the route of this request, and the pattern of its path; undefined if there is no such route. */
function routeOf(c: Context): { access: Access; pattern: string } | undefined {
  const route = matchedRoutes(c).find(({ method }) => method !== 'ALL')
  const access = route && ACCESS[`${route.method} ${route.path}`]
  return access && { access, pattern: route.path }
}

/** Whether the answer of this request is a page for a browser. */
export function isPage(c: Context): boolean {
  const access = routeOf(c)?.access
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
    const { access, pattern } = routeOf(c) ?? { access: c.req.path.startsWith('/v1/') ? NO_ROUTE : PUBLIC, pattern: '' }
    if (access.by !== 'source') c.header('cache-control', 'no-store')
    if (isPage(c) && isWrite(c)) requireOwnOrigin(c)
    if (access.by === 'token' || access.by === 'session') {
      const person = await personOf(c, access.by).catch((error: unknown) => {
        throw access.by === 'token' ? limitFailures(c, error) : error
      })
      if (access.by === 'token') c.header(VERSION_HEADER, version)
      c.set('person', person)
      const role = await roleOnRoute(engine, person, access, pathValues(pattern, c.req.path))
      if (access.by === 'session') c.set('session', { ...c.get('session'), role })
      const seconds = isWrite(c) ? writes.take(person.name) : 0
      if (seconds > 0)
        throw tooMany(`${person.name} sent more than ${limits.writesPerMinute} changes in a minute`, seconds)
    }
    c.set('limitFailures', (error) => limitFailures(c, error))
    await next()
  }
}

function isWrite(c: Context): boolean {
  return !['GET', 'HEAD'].includes(c.req.method)
}

function bearerToken(header: string | undefined): string | undefined {
  return /^Bearer +([^\s]+)$/i.exec(header ?? '')?.[1]
}
