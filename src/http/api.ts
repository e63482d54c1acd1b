import type { OpenAPIHono } from '@hono/zod-openapi'
import { bodyLimit } from 'hono/body-limit'
import { secureHeaders } from 'hono/secure-headers'
import type { Engine } from '../engine/engine.ts'
import { openLogin } from '../engine/login.ts'
import { newApp, type ApiEnv } from './app.ts'
import { answerProblem, problem, problemOf } from './problem.ts'
import { controlRoutes } from './routes/controls.ts'
import { effectRoutes } from './routes/effects.ts'
import { eventRoutes } from './routes/events.ts'
import { gateRoutes } from './routes/gates.ts'
import { healthRoutes } from './routes/health.ts'
import { incidentRoutes } from './routes/incidents.ts'
import { incidentActionRoutes } from './routes/incident-actions.ts'
import { reviewRoutes } from './routes/review.ts'
import { runbookRoutes } from './routes/runbooks.ts'

const MAX_BODY_BYTES = 64 * 1024

export interface ApiOptions {
  /** Aborted when the server stops: event streams end then. */
  ending?: AbortSignal
  /** Called for every internal error. The HTTP answer does not contain its details. */
  logError?: (error: unknown, request: string) => void
}

/**
 * The HTTP API. Everything under /v1 needs a person's token. Every such person may read; the gate checks who may decide. A GET changes
 * nothing. Errors are problem+json with a stable `code`.
 */
export function createApi(engine: Engine, options: ApiOptions = {}): OpenAPIHono<ApiEnv> {
  const ending = options.ending ?? new AbortController().signal
  const logError = options.logError ?? ((error, request) => console.error(`${request}:`, error))
  const login = openLogin(engine.config, engine.people)
  const app = newApp()
  app.use(
    secureHeaders({
      contentSecurityPolicy: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] },
      referrerPolicy: 'no-referrer',
    }),
  )
  app.use('/v1/*', async (c, next) => {
    c.header('cache-control', 'no-store')
    c.set('person', await login(bearerToken(c.req.header('authorization'))))
    await next()
  })
  app.use(
    bodyLimit({
      maxSize: MAX_BODY_BYTES,
      onError: (c) =>
        answerProblem(c, problem(413, 'RUNBOOK_BAD_INPUT', `the request body is larger than ${MAX_BODY_BYTES} bytes`)),
    }),
  )
  app.route('/', healthRoutes(engine))
  app.route('/', incidentRoutes(engine))
  app.route('/', eventRoutes(engine, ending))
  app.route('/', reviewRoutes(engine))
  app.route('/', gateRoutes(engine))
  app.route('/', incidentActionRoutes(engine))
  app.route('/', effectRoutes(engine))
  app.route('/', controlRoutes(engine))
  app.route('/', runbookRoutes(engine))
  registerOpenApi(app)
  app.notFound((c) =>
    answerProblem(
      c,
      problem(404, 'RUNBOOK_NOT_FOUND', `unknown route: ${c.req.method} ${c.req.path}; /openapi.json lists all routes`),
    ),
  )
  app.onError((error, c) => {
    const answer = problemOf(error)
    if (answer.status === 500) logError(error, `${c.req.method} ${c.req.path}`)
    return answerProblem(c, answer)
  })
  return app
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
