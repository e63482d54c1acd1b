import { createRoute, type OpenAPIHono } from '@hono/zod-openapi'
import type { Engine } from '../../engine/engine.ts'
import { finishManual } from '../../engine/finish-manual.ts'
import { settleEffect } from '../../engine/settle-effect.ts'
import { effectView } from '../../engine/views/view-schemas.ts'
import { newApp, type ApiEnv } from '../app.ts'
import { answers, jsonBody } from '../describe.ts'
import { doneBody, incidentParams, settleBody } from '../request-schemas.ts'

const settle = createRoute({
  method: 'post',
  path: '/v1/incidents/{id}/settle',
  summary: 'Settle an unknown effect: state its outcome',
  request: { params: incidentParams, body: jsonBody(settleBody) },
  responses: answers(effectView, 'The settled effect', [403, 404, 409]),
})

const done = createRoute({
  method: 'post',
  path: '/v1/incidents/{id}/done',
  summary: 'State whether a manual step was done',
  request: { params: incidentParams, body: jsonBody(doneBody) },
  responses: answers(
    effectView,
    'The recorded effect; if it was answered before, the first answer is kept',
    [403, 404, 409],
  ),
})

export function effectRoutes(engine: Engine): OpenAPIHono<ApiEnv> {
  const app = newApp()
  app.openapi(settle, async (c) => {
    const { id } = c.req.valid('param')
    return c.json(await settleEffect(engine, c.get('person'), id, c.req.valid('json')), 200)
  })
  app.openapi(done, async (c) => {
    const { id } = c.req.valid('param')
    return c.json(await finishManual(engine, c.get('person'), id, c.req.valid('json')), 200)
  })
  return app
}
