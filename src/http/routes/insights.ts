import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi'
import { DEFAULT_PERIOD } from '../../core/insight-request.ts'
import { insights } from '../../engine/views/insight-schemas.ts'
import { text } from '../../gate/decision-schema.ts'
import { newApp, type ApiEnv } from '../app.ts'
import { answers } from '../describe.ts'
import type { SharedReads } from '../shared-reads.ts'

/** The period, as a duration, and the time zone in which months and nights are counted. */
export const insightQuery = z.object({
  since: text(20, 1).default(DEFAULT_PERIOD.since).meta({ example: '90d' }),
  zone: text(60, 1).default(DEFAULT_PERIOD.zone).meta({ example: 'Europe/Berlin' }),
})

const report = createRoute({
  method: 'get',
  path: '/v1/insights',
  summary: 'What the history says about the incidents of a period: how long each part took, and what did not help',
  request: { query: insightQuery },
  responses: answers(insights, 'The report; at most a minute old', []),
})

export function insightRoutes(reads: SharedReads): OpenAPIHono<ApiEnv> {
  const app = newApp()
  app.openapi(report, async (c) => c.json(await reads.insights(c.req.valid('query')), 200))
  return app
}
