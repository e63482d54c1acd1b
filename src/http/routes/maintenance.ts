import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi'
import { parseDuration } from '../../core/duration.ts'
import type { Engine } from '../../engine/engine.ts'
import { endMaintenance, listMaintenance, startMaintenance } from '../../engine/maintenance/maintenance.ts'
import { maintenanceList, maintenanceView } from '../../engine/views/maintenance-schemas.ts'
import { text } from '../../gate/decision-schema.ts'
import { newApp, type ApiEnv } from '../app.ts'
import { answers, jsonBody } from '../describe.ts'

const list = createRoute({
  method: 'get',
  path: '/v1/maintenance',
  summary: 'Maintenance windows: the recurring windows, and the latest windows that people started',
  responses: answers(maintenanceList, 'The windows, and how many reports are held back', []),
})

const startBody = z
  .strictObject({
    for: text(20)
      .refine((given) => parseDuration(given) !== undefined, 'write a duration such as 2h')
      .meta({ example: '2h' }),
    reason: text(2_000, 1),
    runbook: text(200, 1).optional(),
    connection: text(200, 1).optional(),
  })
  .refine(
    ({ runbook, connection }) => runbook === undefined || connection === undefined,
    'name a runbook or a connection',
  )
  .meta({ id: 'StartMaintenance' })

const start = createRoute({
  method: 'post',
  path: '/v1/maintenance',
  summary: 'Start a maintenance window: alerts and detection open nothing until it ends',
  request: { body: jsonBody(startBody) },
  responses: answers(maintenanceView, 'Started', [403, 404]),
})

const end = createRoute({
  method: 'post',
  path: '/v1/maintenance/{id}/end',
  summary:
    'End a maintenance window early: alerts that still fire, and symptoms that are still present, open their incidents',
  request: {
    params: z.object({
      id: z
        .string()
        .regex(/^[1-9]\d{0,17}$/, 'must be the id of a maintenance window such as 7')
        .meta({ param: { name: 'id', in: 'path' }, example: '7' }),
    }),
  },
  responses: answers(maintenanceView, 'Ended', [403, 404, 409]),
})

export function maintenanceRoutes(engine: Engine): OpenAPIHono<ApiEnv> {
  const app = newApp()
  app.openapi(list, async (c) => c.json(await listMaintenance(engine), 200))
  app.openapi(start, async (c) => {
    const { for: duration, reason, runbook = null, connection = null } = c.req.valid('json')
    const request = { forMs: parseDuration(duration)!, reason, runbook, connection }
    return c.json(await startMaintenance(engine, c.get('person'), request), 200)
  })
  app.openapi(end, async (c) => c.json(await endMaintenance(engine, c.get('person'), c.req.valid('param').id), 200))
  return app
}
