import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi'
import { parseDuration } from '../../core/duration.ts'
import { pauseDetection } from '../../engine/detection/pause.ts'
import type { Engine } from '../../engine/engine.ts'
import { detectionReport, detectorView } from '../../engine/views/detection-schemas.ts'
import { listDetectors, reportDetection } from '../../engine/views/detection.ts'
import { text } from '../../gate/decision-schema.ts'
import { newApp, type ApiEnv } from '../app.ts'
import { answers, jsonBody } from '../describe.ts'
import { reasonBody } from '../request-schemas.ts'

const detectorList = z.object({ detectors: z.array(detectorView) }).meta({ id: 'DetectorList' })

const runbookParams = z.object({
  runbook: text(200, 1).meta({ param: { name: 'runbook', in: 'path' }, example: 'stuck-runs' }),
})

const list = createRoute({
  method: 'get',
  path: '/v1/detection',
  summary: 'The runbooks whose symptom is sampled: the last samples and what they cost',
  responses: answers(detectorList, 'The runbooks, by name', []),
})

const since = text(20)
  .refine((given) => parseDuration(given) !== undefined, 'write a duration such as 7d')
  .default('7d')

const report = createRoute({
  method: 'get',
  path: '/v1/detection/report',
  summary: 'What detection found: when the symptom was present and for how long, alone or together with an alert',
  request: { query: z.object({ runbook: text(200, 1).optional(), since }) },
  responses: answers(detectionReport, 'What was found, by runbook', [404]),
})

const pause = createRoute({
  method: 'post',
  path: '/v1/detection/{runbook}/pause',
  summary: 'Pause the samples of a runbook',
  request: { params: runbookParams, body: jsonBody(reasonBody) },
  responses: answers(detectorList, 'Paused', [403, 404, 409]),
})

const resume = createRoute({
  method: 'post',
  path: '/v1/detection/{runbook}/resume',
  summary: 'Resume the samples of a runbook',
  request: { params: runbookParams, body: jsonBody(reasonBody) },
  responses: answers(detectorList, 'Resumed', [403, 404, 409]),
})

export function detectionRoutes(engine: Engine): OpenAPIHono<ApiEnv> {
  const app = newApp()
  const detectors = async () => ({ detectors: await listDetectors(engine) })
  app.openapi(list, async (c) => c.json(await detectors(), 200))
  app.openapi(report, async (c) => {
    const { runbook, since: given } = c.req.valid('query')
    return c.json(await reportDetection(engine, { runbook, sinceMs: parseDuration(given)! }), 200)
  })
  app.openapi(pause, async (c) => {
    const { runbook } = c.req.valid('param')
    await pauseDetection(engine, c.get('person'), { runbook, on: true, reason: c.req.valid('json').reason })
    return c.json(await detectors(), 200)
  })
  app.openapi(resume, async (c) => {
    const { runbook } = c.req.valid('param')
    await pauseDetection(engine, c.get('person'), { runbook, on: false, reason: c.req.valid('json').reason })
    return c.json(await detectors(), 200)
  })
  return app
}
