import { createRoute, type OpenAPIHono } from '@hono/zod-openapi'
import { closeBreaker } from '../../engine/close-breaker.ts'
import type { Engine } from '../../engine/engine.ts'
import { readControls } from '../../gate/controls.ts'
import { newApp, type ApiEnv } from '../app.ts'
import { answers } from '../describe.ts'
import { connectionParams } from '../request-schemas.ts'
import { controlList } from '../response-schemas.ts'
import { reasonedChange } from './reasoned-change.ts'

const list = createRoute({
  method: 'get',
  path: '/v1/controls',
  summary: 'The controls that block remedies now: the freeze, and open breakers',
  responses: answers(controlList, 'The controls that are on', []),
})

const close = reasonedChange({
  path: '/v1/breakers/{connection}/close',
  summary: 'Close a breaker: remedies may write to the connection again',
  params: connectionParams,
  list: controlList,
  done: 'Closed; the controls that are still on',
})

/**
 * Routes of the controls. Programs cannot freeze over the API, because `runbook freeze` must work without the API and needs only the
 * engine's PostgreSQL. People can freeze on the status page too.
 */
export function controlRoutes(engine: Engine): OpenAPIHono<ApiEnv> {
  const app = newApp()
  app.openapi(list, async (c) => c.json({ controls: await readControls(engine.database) }, 200))
  app.openapi(close, async (c) => {
    const { connection } = c.req.valid('param')
    const controls = await closeBreaker(engine, c.get('person'), connection, c.req.valid('json').reason)
    return c.json({ controls }, 200)
  })
  return app
}
