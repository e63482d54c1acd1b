import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi'
import { ALERT_SOURCES } from '../../core/alert.ts'
import { explainAlerts } from '../../engine/alerts/explain-alerts.ts'
import type { Engine } from '../../engine/engine.ts'
import { alertExplanations, alertView } from '../../engine/views/alert-schemas.ts'
import { listUnmatched } from '../../engine/views/alerts.ts'
import { jsonObject } from '../../engine/views/schema-parts.ts'
import { newApp, type ApiEnv } from '../app.ts'
import { answers, jsonBody } from '../describe.ts'

const alertList = z.object({ alerts: z.array(alertView) }).meta({ id: 'AlertList' })

const unmatched = createRoute({
  method: 'get',
  path: '/v1/alerts/unmatched',
  summary: 'Alerts that could not be used, the latest first; they are kept for a week',
  request: { query: z.object({ limit: z.coerce.number().int().min(1).max(500).default(50) }) },
  responses: answers(alertList, 'The alerts, each with the reason', []),
})

const explainBody = z
  .strictObject({
    source: z.enum(ALERT_SOURCES),
    payload: jsonObject.meta({ description: 'The body that the source would send.' }),
  })
  .meta({ id: 'ExplainAlerts' })

const explain = createRoute({
  method: 'post',
  path: '/v1/alerts/explain',
  summary: 'Which incident each alert of a delivery would open or join, and why; changes nothing',
  request: { body: jsonBody(explainBody) },
  responses: answers(alertExplanations, 'The result that each alert would have', [413]),
})

export function alertRoutes(engine: Engine): OpenAPIHono<ApiEnv> {
  const app = newApp()
  app.openapi(unmatched, async (c) => {
    const { limit } = c.req.valid('query')
    return c.json({ alerts: await listUnmatched(engine.database, limit) }, 200)
  })
  app.openapi(explain, async (c) => {
    const { source, payload } = c.req.valid('json')
    return c.json(await explainAlerts(engine, source, JSON.stringify(payload)), 200)
  })
  return app
}
