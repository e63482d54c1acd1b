import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi'
import { RunbookError } from '../../core/errors.ts'
import type { Engine } from '../../engine/engine.ts'
import { listRunbooks } from '../../engine/views/runbooks.ts'
import { runbookView } from '../../engine/views/view-schemas.ts'
import { newApp, type ApiEnv } from '../app.ts'
import { answers } from '../describe.ts'
import { runbookList } from '../response-schemas.ts'

const list = createRoute({
  method: 'get',
  path: '/v1/runbooks',
  summary: 'The loaded runbooks',
  responses: answers(runbookList, 'By name', []),
})

const one = createRoute({
  method: 'get',
  path: '/v1/runbooks/{name}',
  summary: 'One runbook',
  request: { params: z.object({ name: z.string().max(200) }) },
  responses: answers(runbookView, 'The runbook', [404]),
})

export function runbookRoutes(engine: Engine): OpenAPIHono<ApiEnv> {
  const app = newApp()
  app.openapi(list, (c) => c.json({ runbooks: listRunbooks(engine) }, 200))
  app.openapi(one, (c) => {
    const { name } = c.req.valid('param')
    const found = listRunbooks(engine).find((runbook) => runbook.name === name)
    if (!found)
      throw new RunbookError(
        'RUNBOOK_NOT_FOUND',
        `no runbook ${JSON.stringify(name)}; GET /v1/runbooks lists all of them`,
      )
    return c.json(found, 200)
  })
  return app
}
