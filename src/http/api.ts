import type { OpenAPIHono } from '@hono/zod-openapi'
import { bodyLimit } from 'hono/body-limit'
import { secureHeaders } from 'hono/secure-headers'
import type { Engine } from '../engine/engine.ts'
import { checkAccess, isPage, requireDeclarations } from './access.ts'
import { newApp, type ApiEnv } from './app.ts'
import { refuseDeepJson } from './json-depth.ts'
import { answerNoRoute, answerOptions, endBodyOfHead, openMethods } from './methods.ts'
import { errorPage } from './pages/error.tsx'
import { metricRoutes } from './routes/metrics.ts'
import { pageRoutes } from './pages/routes.ts'
import { answerProblem, problem, problemOf } from './problem.ts'
import { alertRoutes } from './routes/alerts.ts'
import { connectionRoutes } from './routes/connections.ts'
import { controlRoutes } from './routes/controls.ts'
import { detectionRoutes } from './routes/detection.ts'
import { effectRoutes } from './routes/effects.ts'
import { eventRoutes, eventStreams } from './routes/events.ts'
import { followUpRoutes } from './routes/follow-ups.ts'
import { gateRoutes } from './routes/gates.ts'
import { healthRoutes } from './routes/health.ts'
import { hookRoutes } from './routes/hooks.ts'
import { incidentRoutes } from './routes/incidents.ts'
import { incidentActionRoutes } from './routes/incident-actions.ts'
import { insightRoutes } from './routes/insights.ts'
import { maintenanceRoutes } from './routes/maintenance.ts'
import { reviewRoutes } from './routes/review.ts'
import { runbookRoutes } from './routes/runbooks.ts'
import { statusRoutes } from './routes/status.ts'
import { reviewSender } from './send-review.ts'
import { sharedReads } from './shared-reads.ts'
import { slackRoutes } from './routes/slack.ts'
import { signInLinkRoutes } from './routes/sign-in-links.ts'

const MAX_BODY_BYTES = 64 * 1024

export interface ApiOptions {
  /** A signal that is aborted when the server stops, so that event streams end. */
  ending?: AbortSignal
  /** Called for every internal error, because the HTTP answer does not contain its details. */
  logError?: (error: unknown, request: string) => void
}

/**
 * The HTTP API and the pages. `access.ts` says who may call each route; the gate checks who may decide. A GET changes nothing. Errors of
 * the API are problem+json with a stable `code`.
 */
export function createApi(engine: Engine, options: ApiOptions = {}): OpenAPIHono<ApiEnv> {
  const ending = options.ending ?? new AbortController().signal
  const logError = options.logError ?? ((error, request) => console.error(`${request}:`, error))
  const app = newApp()
  app.use(
    secureHeaders({
      contentSecurityPolicy: {
        ...{ defaultSrc: ["'none'"], scriptSrc: ["'self'"], styleSrc: ["'self'"], connectSrc: ["'self'"] },
        ...{ imgSrc: ["'self'", 'data:'], formAction: ["'self'"], baseUri: ["'none'"], frameAncestors: ["'none'"] },
      },
      // With `no-referrer`, browsers would send the forms of the pages without an `Origin` header.
      referrerPolicy: 'same-origin',
    }),
  )
  app.use(endBodyOfHead)
  let methodsOf = (_path: string): string[] => []
  app.use(answerOptions((path) => methodsOf(path)))
  app.route('/', hookRoutes(engine))
  app.use(
    bodyLimit({
      maxSize: MAX_BODY_BYTES,
      onError: (c) =>
        answerProblem(c, problem(413, 'RUNBOOK_BAD_INPUT', `the request body is larger than ${MAX_BODY_BYTES} bytes`)),
    }),
  )
  app.use(checkAccess(engine))
  app.use(refuseDeepJson)
  app.route('/', healthRoutes(engine))
  app.route('/', metricRoutes(engine))
  app.route('/', incidentRoutes(engine))
  const streams = eventStreams(engine, ending)
  app.route('/', eventRoutes(streams))
  const sendReview = reviewSender(engine)
  app.route('/', reviewRoutes(engine, sendReview))
  app.route('/', gateRoutes(engine))
  app.route('/', incidentActionRoutes(engine))
  app.route('/', effectRoutes(engine))
  app.route('/', followUpRoutes(engine))
  app.route('/', controlRoutes(engine))
  app.route('/', runbookRoutes(engine))
  app.route('/', alertRoutes(engine))
  app.route('/', detectionRoutes(engine))
  app.route('/', maintenanceRoutes(engine))
  const reads = sharedReads(engine)
  app.route('/', insightRoutes(reads))
  app.route('/', connectionRoutes(engine, reads))
  app.route('/', statusRoutes(engine, reads))
  app.route('/', signInLinkRoutes(engine))
  app.route('/', slackRoutes(engine))
  app.route('/', pageRoutes(engine, { streams, sendReview, reads }))
  registerOpenApi(app)
  requireDeclarations(app)
  methodsOf = openMethods(app)
  app.notFound(answerNoRoute(methodsOf))
  app.onError((error, c) => {
    const answer = problemOf(error)
    if (answer.status === 500) logError(error, `${c.req.method} ${c.req.path}`)
    return isPage(c) ? errorPage(c, engine, answer) : answerProblem(c, answer)
  })
  return app
}

function registerOpenApi(app: OpenAPIHono<ApiEnv>): void {
  app.openAPIRegistry.registerComponent('securitySchemes', 'token', { type: 'http', scheme: 'bearer' })
  app.doc31('/openapi.json', ABOUT)
}

const ABOUT = {
  openapi: '3.1.0',
  info: { title: 'Maestro runbooks', version: '1', license: { name: 'Apache-2.0' } },
  security: [{ token: [] }],
}

/** The document that the API serves at /openapi.json. */
export function apiDocument(app: OpenAPIHono<ApiEnv>): ReturnType<typeof app.getOpenAPI31Document> {
  return app.getOpenAPI31Document(ABOUT)
}
