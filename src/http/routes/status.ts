import { createRoute, type OpenAPIHono } from '@hono/zod-openapi'
import type { Engine } from '../../engine/engine.ts'
import { engineStatus } from '../../engine/views/status-schemas.ts'
import { readStatus } from '../../engine/views/status.ts'
import { newApp, type ApiEnv } from '../app.ts'
import { answers } from '../describe.ts'
import type { SharedReads } from '../shared-reads.ts'

const status = createRoute({
  method: 'get',
  path: '/v1/status',
  summary:
    'The state of the engine: freeze, breakers, maintenance, workers, connections, schedules, messages, Temporal',
  responses: answers(engineStatus, 'The state now', []),
})

export function statusRoutes(engine: Engine, reads: SharedReads): OpenAPIHono<ApiEnv> {
  const app = newApp()
  app.openapi(status, async (c) => c.json({ ...(await readStatus(engine)), temporal: await reads.temporal() }, 200))
  return app
}
