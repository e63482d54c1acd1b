import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi'
import type { Engine } from '../../engine/engine.ts'
import { connectionList, connectionView } from '../../engine/views/connection-schemas.ts'
import { listConnections } from '../../engine/views/connections.ts'
import { text } from '../../gate/decision-schema.ts'
import { newApp, type ApiEnv } from '../app.ts'
import { answers } from '../describe.ts'
import type { SharedReads } from '../shared-reads.ts'

const list = createRoute({
  method: 'get',
  path: '/v1/connections',
  summary: 'The connections of the configuration, and the open incidents that wait for them',
  responses: answers(connectionList, 'In the order of the configuration', []),
})

const one = createRoute({
  method: 'get',
  path: '/v1/connections/{name}',
  summary: 'What the checks see in the system behind a connection now; reads only',
  request: { params: z.object({ name: text(200, 1).meta({ param: { name: 'name', in: 'path' } }) }) },
  responses: answers(connectionView, 'What was read, at most 5 s ago', [404]),
})

export function connectionRoutes(engine: Engine, reads: SharedReads): OpenAPIHono<ApiEnv> {
  const app = newApp()
  app.openapi(list, async (c) => c.json({ connections: await listConnections(engine) }, 200))
  app.openapi(one, async (c) => c.json(await reads.connection(c.req.valid('param').name), 200))
  return app
}
