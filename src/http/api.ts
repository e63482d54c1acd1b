import type { OpenAPIHono } from '@hono/zod-openapi'
import type { MiddlewareHandler } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { secureHeaders } from 'hono/secure-headers'
import { isRunbookError } from '../core/errors.ts'
import type { Engine } from '../engine/engine.ts'
import { openLogin } from '../engine/login.ts'
import { newApp, type ApiEnv } from './app.ts'
import { refuseDeepJson } from './json-depth.ts'
import { addressOf, RateLimit, tooMany } from './limits.ts'
import { answerNoRoute, answerOptions, endBodyOfHead, openMethods } from './methods.ts'
import { answerProblem, problem, problemOf } from './problem.ts'
import { alertRoutes } from './routes/alerts.ts'
import { controlRoutes } from './routes/controls.ts'
import { effectRoutes } from './routes/effects.ts'
import { eventRoutes } from './routes/events.ts'
import { gateRoutes } from './routes/gates.ts'
import { healthRoutes } from './routes/health.ts'
import { hookRoutes } from './routes/hooks.ts'
import { incidentRoutes } from './routes/incidents.ts'
import { incidentActionRoutes } from './routes/incident-actions.ts'
import { reviewRoutes } from './routes/review.ts'
import { runbookRoutes } from './routes/runbooks.ts'

const MAX_BODY_BYTES = 64 * 1024

export interface ApiOptions {
  /** A signal that is aborted when the server stops, so that event streams end. */
  ending?: AbortSignal
  /** Called for every internal error. The HTTP answer does not contain its details. */
  logError?: (error: unknown, request: string) => void
}

/**
 * The HTTP API. Everything under /v1 needs a person's token, except /v1/hooks, where monitoring systems have credentials of their own. Every such person may read; the gate checks who may decide. A GET changes
 * nothing. Errors are problem+json with a stable `code`.
 */
export function createApi(engine: Engine, options: ApiOptions = {}): OpenAPIHono<ApiEnv> {
  const ending = options.ending ?? new AbortController().signal
  const logError = options.logError ?? ((error, request) => console.error(`${request}:`, error))
  const app = newApp()
  app.use(
    secureHeaders({
      contentSecurityPolicy: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] },
      referrerPolicy: 'no-referrer',
    }),
  )
  app.use(endBodyOfHead)
  let methodsOf = (_path: string): string[] => []
  app.use(answerOptions((path) => methodsOf(path)))
  app.route('/', hookRoutes(engine))
  app.use('/v1/*', authenticate(engine))
  app.use(
    bodyLimit({
      maxSize: MAX_BODY_BYTES,
      onError: (c) =>
        answerProblem(c, problem(413, 'RUNBOOK_BAD_INPUT', `the request body is larger than ${MAX_BODY_BYTES} bytes`)),
    }),
  )
  app.use(refuseDeepJson)
  app.route('/', healthRoutes(engine))
  app.route('/', incidentRoutes(engine))
  app.route('/', eventRoutes(engine, ending))
  app.route('/', reviewRoutes(engine))
  app.route('/', gateRoutes(engine))
  app.route('/', incidentActionRoutes(engine))
  app.route('/', effectRoutes(engine))
  app.route('/', controlRoutes(engine))
  app.route('/', runbookRoutes(engine))
  app.route('/', alertRoutes(engine))
  registerOpenApi(app)
  methodsOf = openMethods(app)
  app.notFound(answerNoRoute(methodsOf))
  app.onError((error, c) => {
    const answer = problemOf(error)
    if (answer.status === 500) logError(error, `${c.req.method} ${c.req.path}`)
    return answerProblem(c, answer)
  })
  return app
}

/**
 * Finds the person of the request's token, and limits how often a person writes and how often an address sends wrong tokens. Right tokens
 * are always accepted: somebody who guesses must not keep everybody else at the same address (a proxy) from working.
 */
function authenticate({ config, people }: Engine): MiddlewareHandler<ApiEnv> {
  const login = openLogin(config, people)
  const writes = new RateLimit(config.limits.writesPerMinute)
  const failures = new RateLimit(config.limits.failedLoginsPerMinute)
  return async (c, next) => {
    c.header('cache-control', 'no-store')
    const person = await login(bearerToken(c.req.header('authorization'))).catch((error: unknown) => {
      const seconds = isRunbookError(error, 'RUNBOOK_NOT_AUTHENTICATED') ? failures.take(addressOf(c)) : 0
      throw seconds > 0 ? tooMany('too many requests without a valid token came from this address', seconds) : error
    })
    c.set('person', person)
    const seconds = ['GET', 'HEAD'].includes(c.req.method) ? 0 : writes.take(person.name)
    if (seconds > 0)
      throw tooMany(`${person.name} sent more than ${config.limits.writesPerMinute} changes in a minute`, seconds)
    await next()
  }
}

function bearerToken(header: string | undefined): string | undefined {
  return /^Bearer +([^\s]+)$/i.exec(header ?? '')?.[1]
}

function registerOpenApi(app: OpenAPIHono<ApiEnv>): void {
  app.openAPIRegistry.registerComponent('securitySchemes', 'token', { type: 'http', scheme: 'bearer' })
  app.doc31('/openapi.json', {
    openapi: '3.1.0',
    info: { title: 'Maestro runbooks', version: '1', license: { name: 'Apache-2.0' } },
    security: [{ token: [] }],
  })
}
