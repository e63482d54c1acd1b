import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { ALERT_SOURCES, type AlertSource } from '../../core/alert.ts'
import { isRunbookError, RunbookError } from '../../core/errors.ts'
import type { Engine } from '../../engine/engine.ts'
import { receiveAlerts } from '../../engine/alerts/receive-alerts.ts'
import { deliveryAnswer } from '../../engine/views/alert-schemas.ts'
import type { DeliveryAnswer } from '../../engine/views/view-types.ts'
import { newApp, type ApiEnv } from '../app.ts'
import { checkDelivery, needsNoBody } from '../../engine/alerts/check-delivery.ts'
import { answers } from '../describe.ts'
import { addressOf, RateLimit, tooMany } from '../limits.ts'
import { answerProblem, problem } from '../problem.ts'

/** The maximum size of a delivery. Alertmanager sends a whole group of alerts at once. */
const MAX_BODY_BYTES = 4 * 1024 * 1024

const hookParams = z.object({
  source: z.enum(ALERT_SOURCES).meta({ param: { name: 'source', in: 'path' }, example: 'alertmanager' }),
})

const receive = createRoute({
  method: 'post',
  path: '/v1/hooks/{source}',
  summary: 'Receive alerts: each opens an incident, joins one, is counted or ends',
  description:
    'Called by a monitoring system, with its own credentials (`hooks` in the configuration), not with a person’s token. The answer is sent when everything is stored. The status is 200 if at least one alert could be used, else 422; each alert has its own result.',
  security: [],
  request: { params: hookParams },
  responses: {
    ...answers(deliveryAnswer, 'Stored; the outcome of each alert', [404, 413]),
    422: {
      description: 'None of the alerts could be used',
      content: { 'application/json': { schema: deliveryAnswer } },
    },
  },
})

/**
 * The routes that monitoring systems call. A monitoring system has credentials of another kind than people, so these routes are mounted
 * before the check of people's tokens.
 */
export function hookRoutes(engine: Engine): OpenAPIHono<ApiEnv> {
  const app = newApp()
  const failures = new RateLimit(engine.config.limits.failedLoginsPerMinute)
  const check = (c: Context, source: AlertSource, body: Buffer) => {
    try {
      checkDelivery(credentialsOf(engine, source), (name) => c.req.header(name), body)
    } catch (error) {
      const seconds = isRunbookError(error, 'RUNBOOK_NOT_AUTHENTICATED') ? failures.take(addressOf(c)) : 0
      throw seconds > 0
        ? tooMany('too many deliveries without valid credentials came from this address', seconds)
        : error
    }
  }
  app.use('/v1/hooks/*', async (c, next) => {
    c.header('cache-control', 'no-store')
    const source = ALERT_SOURCES.find((one) => c.req.path === `/v1/hooks/${one}`)
    if (source && c.req.method === 'POST' && needsNoBody(credentialsOf(engine, source)))
      check(c, source, Buffer.alloc(0))
    await next()
  })
  app.use(
    '/v1/hooks/*',
    bodyLimit({
      maxSize: MAX_BODY_BYTES,
      onError: (c) =>
        answerProblem(
          c,
          problem(
            413,
            'RUNBOOK_BAD_INPUT',
            `the delivery is larger than ${MAX_BODY_BYTES} bytes: send fewer alerts in one delivery (Alertmanager: set max_alerts)`,
          ),
        ),
    }),
  )
  app.openapi(receive, async (c) => {
    const { source } = c.req.valid('param')
    const body = Buffer.from(await c.req.arrayBuffer())
    if (!needsNoBody(credentialsOf(engine, source))) check(c, source, body)
    const delivery = c.req.header('webhook-id')?.slice(0, 200)
    const answer = await receiveAlerts(engine, source, textOf(body), source === 'generic' ? delivery : undefined)
    return c.json(answer, isUseful(answer) ? 200 : 422)
  })
  return app
}

function credentialsOf({ config }: Engine, source: AlertSource) {
  const found = config.hooks[source]
  if (found) return found
  throw new RunbookError(
    'RUNBOOK_NOT_FOUND',
    `alerts from ${source} are not accepted here: add "${source}" with its credentials under "hooks" in runbook.config.yaml`,
  )
}

function textOf(body: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body)
  } catch {
    throw new RunbookError('RUNBOOK_BAD_INPUT', 'the body of the delivery is not UTF-8')
  }
}

function isUseful({ alerts }: DeliveryAnswer): boolean {
  return alerts.some(({ result }) => result !== 'unmatched' && result !== 'refused')
}
