import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi'
import { parseDuration } from '../../core/duration.ts'
import { pauseDetection } from '../../engine/detection/pause.ts'
import type { Engine } from '../../engine/engine.ts'
import { detectionReport, detectorView } from '../../engine/views/detection-schemas.ts'
import { listDetectors, reportDetection } from '../../engine/views/detection.ts'
import { text } from '../../gate/decision-schema.ts'
import { newApp, type ApiEnv } from '../app.ts'
import { answers } from '../describe.ts'
import { reasonedChange } from './reasoned-change.ts'

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

const pause = reasonedChange({
  path: '/v1/detection/{runbook}/pause',
  summary: 'Pause the samples of a runbook',
  params: runbookParams,
  list: detectorList,
  done: 'Paused',
})

const resume = reasonedChange({
  path: '/v1/detection/{runbook}/resume',
  summary: 'Resume the samples of a runbook',
  params: runbookParams,
  list: detectorList,
  done: 'Resumed',
})

export function detectionRoutes(engine: Engine): OpenAPIHono<ApiEnv> {
  const app = newApp()
  const detectors = async () => ({ detectors: await listDetectors(engine) })
  app.openapi(list, async (c) => c.json(await detectors(), 200))
  app.openapi(report, async (c) => {
    const { runbook, since: given } = c.req.valid('query')
    return c.json(await reportDetection(engine, { runbook, sinceMs: parseDuration(given)! }), 200)
  })
  for (const [route, on] of [
    [pause, true],
    [resume, false],
  ] as const)
    app.openapi(route, async (c) => {
      const request = { runbook: c.req.valid('param').runbook, on, reason: c.req.valid('json').reason }
      await pauseDetection(engine, c.get('person'), request)
      return c.json(await detectors(), 200)
    })
  return app
}
