import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi'
import type { Engine } from '../../engine/engine.ts'
import { runbookStatistics } from '../../engine/views/runbook-statistics.ts'
import { listRunbooks, runbookNamed, runbookSource, runbookVersions } from '../../engine/views/runbooks.ts'
import {
  runbookSource as sourceSchema,
  runbookStatistics as statisticsSchema,
  runbookView,
} from '../../engine/views/runbook-schemas.ts'
import { visibleCatalogue, visibleFiles, visiblePlans } from '../../engine/visible.ts'
import { digest } from '../../gate/decision-schema.ts'
import { newApp, type ApiEnv } from '../app.ts'
import { answers } from '../describe.ts'
import { runbookList, versionList } from '../response-schemas.ts'

const list = createRoute({
  method: 'get',
  path: '/v1/runbooks',
  summary: 'The loaded runbooks',
  responses: answers(runbookList, 'By name', []),
})

const runbookParams = z.object({ name: z.string().max(200) })

const one = createRoute({
  method: 'get',
  path: '/v1/runbooks/{name}',
  summary: 'One runbook',
  request: { params: runbookParams },
  responses: answers(runbookView, 'The runbook', [404]),
})

const statistics = createRoute({
  method: 'get',
  path: '/v1/runbooks/{name}/statistics',
  summary: 'How the latest incidents of a runbook ended, and how long they took',
  request: { params: runbookParams },
  responses: answers(statisticsSchema, 'Of the last 50 incidents', [404]),
})

const versions = createRoute({
  method: 'get',
  path: '/v1/runbooks/{name}/versions',
  summary: 'The versions of a runbook that incidents used, and the version that is loaded now',
  request: { params: runbookParams },
  responses: answers(versionList, 'Newest first', [404]),
})

const source = createRoute({
  method: 'get',
  path: '/v1/runbooks/{name}/versions/{digest}',
  summary: 'The text of one version of a runbook',
  request: { params: runbookParams.extend({ digest: digest.meta({ param: { name: 'digest', in: 'path' } }) }) },
  responses: answers(sourceSchema, 'The text', [404]),
})

export function runbookRoutes(engine: Engine): OpenAPIHono<ApiEnv> {
  const app = newApp()
  app.openapi(list, (c) => {
    const runbooks = listRunbooks({ catalogue: visibleCatalogue(engine, c.get('person')) })
    return c.json({ runbooks, files: visibleFiles(engine, c.get('person')) }, 200)
  })
  app.openapi(one, (c) => {
    return c.json(runbookNamed(engine, c.req.valid('param').name), 200)
  })
  app.openapi(statistics, async (c) => {
    const { incident } = runbookNamed(engine, c.req.valid('param').name)
    const plans = await visiblePlans(engine, c.get('person'))
    return c.json((await runbookStatistics(engine.database, [incident], plans)).get(incident)!, 200)
  })
  app.openapi(versions, async (c) => {
    const plans = await visiblePlans(engine, c.get('person'))
    return c.json({ versions: await runbookVersions(engine, c.req.valid('param').name, plans) }, 200)
  })
  app.openapi(source, async (c) => {
    const { name, digest: planDigest } = c.req.valid('param')
    return c.json(await runbookSource(engine, name, planDigest), 200)
  })
  return app
}
