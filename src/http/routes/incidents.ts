import { createRoute, type OpenAPIHono } from '@hono/zod-openapi'
import { defined } from '../../core/defined.ts'
import type { Engine } from '../../engine/engine.ts'
import { whyNobodyCanApprove } from '../../engine/views/deciders.ts'
import { listIncidents } from '../../engine/views/list.ts'
import { retryIncident } from '../../engine/retry.ts'
import { runbookNow } from '../../engine/views/runbooks.ts'
import { showIncident } from '../../engine/views/show.ts'
import { accepted, shownIncident } from '../../engine/views/view-schemas.ts'
import { undoIncident } from '../../engine/undo.ts'
import { triggerAs, visibleFiles, visiblePlans } from '../../engine/visible.ts'
import { newApp, type ApiEnv } from '../app.ts'
import { answers, jsonBody } from '../describe.ts'
import { idempotencyHeader, incidentParams, listQuery, triggerBody } from '../request-schemas.ts'
import { incidentList } from '../response-schemas.ts'

const openIncident = createRoute({
  method: 'post',
  path: '/v1/incidents',
  summary: 'Open an incident, or join the open incident of the same key',
  request: { headers: idempotencyHeader, body: jsonBody(triggerBody) },
  responses: answers(accepted, 'Accepted: stored in the history', [409]),
})

const list = createRoute({
  method: 'get',
  path: '/v1/incidents',
  summary: 'Incidents, newest first',
  request: { query: listQuery },
  responses: answers(incidentList, 'One page', []),
})

const show = createRoute({
  method: 'get',
  path: '/v1/incidents/{id}',
  summary: 'One incident with its rounds',
  request: { params: incidentParams },
  responses: answers(shownIncident, 'The incident', [404]),
})

const retry = createRoute({
  method: 'post',
  path: '/v1/incidents/{id}/retry',
  summary: 'Retry a closed incident: opens a new incident that is linked to it',
  request: { params: incidentParams },
  responses: answers(accepted, 'Accepted: stored in the history', [404, 409]),
})

const undo = createRoute({
  method: 'post',
  path: '/v1/incidents/{id}/undo',
  summary: 'Propose to undo the effects of a closed incident: opens a new incident that is linked to it',
  request: { params: incidentParams },
  responses: answers(accepted, 'Accepted: stored in the history; the proposal waits at its gate', [404, 409]),
})

export function incidentRoutes(engine: Engine): OpenAPIHono<ApiEnv> {
  const app = newApp()
  app.openapi(openIncident, async (c) => {
    const { type, inputs } = c.req.valid('json')
    const key = c.req.valid('header')['idempotency-key']
    const person = c.get('person')
    // The stored key begins with the person's name, because two people may choose the same key.
    const idempotencyKey = key === undefined ? undefined : `${person.name}:${key}`
    return c.json(await triggerAs(engine, person, defined({ type, inputs, idempotencyKey })), 200)
  })
  app.openapi(list, async (c) => {
    const { state, type, cursor, limit } = c.req.valid('query')
    const before = cursor === undefined ? undefined : Number(cursor)
    const plans = await visiblePlans(engine, c.get('person'))
    const incidents = await listIncidents(engine.database, {
      plans,
      limit: limit + 1,
      ...defined({ state, type, before }),
    })
    const page = incidents.slice(0, limit)
    const next = incidents.length > limit ? page.at(-1)!.id.slice('INC-'.length) : null
    return c.json({ incidents: page, next, files: visibleFiles(engine, c.get('person')) }, 200)
  })
  app.openapi(show, async (c) => {
    const view = await showIncident(
      engine.database,
      c.req.valid('param').id,
      await visiblePlans(engine, c.get('person')),
    )
    const cannotApprove = await whyNobodyCanApprove(engine, view.id)
    return c.json(
      {
        ...view,
        runbookNow: runbookNow(engine.catalogue, view),
        cannotApprove,
        files: visibleFiles(engine, c.get('person')),
      },
      200,
    )
  })
  app.openapi(retry, async (c) => c.json(await retryIncident(engine, c.get('person'), c.req.valid('param').id), 200))
  app.openapi(undo, async (c) => c.json(await undoIncident(engine, c.get('person'), c.req.valid('param').id), 200))
  return app
}
