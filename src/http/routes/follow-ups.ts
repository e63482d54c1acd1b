import { createRoute, type OpenAPIHono } from '@hono/zod-openapi'
import type { Engine } from '../../engine/engine.ts'
import { addFollowUp, closeFollowUp, giveFeedback } from '../../engine/follow-ups.ts'
import { listFeedback, listFollowUps, listOpenFollowUps } from '../../engine/views/follow-ups.ts'
import { followUpView } from '../../engine/views/review-schemas.ts'
import { visiblePlans } from '../../engine/visible.ts'
import { readIncident } from '../../history/incidents.ts'
import { newApp, type ApiEnv } from '../app.ts'
import { answers, jsonBody } from '../describe.ts'
import { closeFollowUpBody, feedbackBody, followUpBody, followUpParams, incidentParams } from '../request-schemas.ts'
import { feedbackList, followUpList } from '../response-schemas.ts'

const open = createRoute({
  method: 'get',
  path: '/v1/follow-ups',
  summary: 'What remains to be done after incidents',
  responses: answers(
    followUpList,
    'The open follow-ups of all incidents, at most 200; those that are due first come first',
    [],
  ),
})

const ofIncident = createRoute({
  method: 'get',
  path: '/v1/incidents/{id}/follow-ups',
  summary: 'The follow-ups of one incident',
  request: { params: incidentParams },
  responses: answers(followUpList, 'Open and closed, in the order in which they were added', [404]),
})

const add = createRoute({
  method: 'post',
  path: '/v1/incidents/{id}/follow-ups',
  summary: 'Add a follow-up: something that remains to be done',
  request: { params: incidentParams, body: jsonBody(followUpBody) },
  responses: answers(followUpView, 'The follow-up', [404]),
})

const close = createRoute({
  method: 'post',
  path: '/v1/incidents/{id}/follow-ups/{number}/close',
  summary: 'Close a follow-up, with what was done',
  request: { params: followUpParams, body: jsonBody(closeFollowUpBody) },
  responses: answers(followUpView, 'The follow-up', [404, 409]),
})

const feedback = createRoute({
  method: 'post',
  path: '/v1/incidents/{id}/feedback',
  summary: 'Answer whether the runbook helped; your last answer counts',
  request: { params: incidentParams, body: jsonBody(feedbackBody) },
  responses: answers(feedbackList, 'The last answer of each person', [404]),
})

export function followUpRoutes(engine: Engine): OpenAPIHono<ApiEnv> {
  const { database } = engine
  const app = newApp()
  app.openapi(open, async (c) => {
    const plans = await visiblePlans(engine, c.get('person'))
    return c.json({ followUps: await listOpenFollowUps(database, plans) }, 200)
  })
  app.openapi(ofIncident, async (c) => {
    const { id } = await readIncident(database, c.req.valid('param').id)
    return c.json({ followUps: await listFollowUps(database, id) }, 200)
  })
  app.openapi(add, async (c) =>
    c.json(await addFollowUp(engine, c.get('person'), c.req.valid('param').id, c.req.valid('json')), 200),
  )
  app.openapi(close, async (c) => {
    const { id, number } = c.req.valid('param')
    const request = { number: Number(number), ...c.req.valid('json') }
    return c.json(await closeFollowUp(engine, c.get('person'), id, request), 200)
  })
  app.openapi(feedback, async (c) => {
    const { id } = c.req.valid('param')
    await giveFeedback(engine, c.get('person'), id, c.req.valid('json'))
    return c.json({ feedback: await listFeedback(database, id) }, 200)
  })
  return app
}
