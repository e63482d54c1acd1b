import { createRoute, type OpenAPIHono } from '@hono/zod-openapi'
import type { Engine } from '../../engine/engine.ts'
import { acknowledge, addNote, cancelIncident, claim } from '../../engine/incident-actions.ts'
import { showIncident } from '../../engine/views/show.ts'
import { incidentView } from '../../engine/views/view-schemas.ts'
import { visiblePlans } from '../../engine/visible.ts'
import { newApp, type ApiEnv } from '../app.ts'
import { answers, jsonBody } from '../describe.ts'
import { cancelBody, incidentParams, noteBody } from '../request-schemas.ts'

const request = { params: incidentParams }
const responses = answers(incidentView, 'The incident after the action', [404, 409])

const ack = createRoute({
  method: 'post',
  path: '/v1/incidents/{id}/ack',
  summary: 'Acknowledge: mark the incident as seen',
  request,
  responses,
})

const claimRoute = createRoute({
  method: 'post',
  path: '/v1/incidents/{id}/claim',
  summary: 'Claim: mark yourself as responsible',
  request,
  responses,
})

const cancel = createRoute({
  method: 'post',
  path: '/v1/incidents/{id}/cancel',
  summary:
    'Cancel the incident: at its gate at once, while a remedy is applied before the next target; applied effects are kept',
  request: { ...request, body: { ...jsonBody(cancelBody), required: false } },
  responses,
})

const note = createRoute({
  method: 'post',
  path: '/v1/incidents/{id}/notes',
  summary: 'Add a note to the history',
  request: { ...request, body: jsonBody(noteBody) },
  responses,
})

export function incidentActionRoutes(engine: Engine): OpenAPIHono<ApiEnv> {
  const app = newApp()
  app.openapi(ack, async (c) => {
    const { id } = c.req.valid('param')
    await acknowledge(engine, c.get('person'), id)
    return c.json(await showIncident(engine.database, id, await visiblePlans(engine, c.get('person'))), 200)
  })
  app.openapi(claimRoute, async (c) => {
    const { id } = c.req.valid('param')
    await claim(engine, c.get('person'), id)
    return c.json(await showIncident(engine.database, id, await visiblePlans(engine, c.get('person'))), 200)
  })
  app.openapi(cancel, async (c) => {
    const { id } = c.req.valid('param')
    await cancelIncident(engine, c.get('person'), id, c.req.valid('json')?.comment)
    return c.json(await showIncident(engine.database, id, await visiblePlans(engine, c.get('person'))), 200)
  })
  app.openapi(note, async (c) => {
    const { id } = c.req.valid('param')
    const { text, about } = c.req.valid('json')
    await addNote(engine, c.get('person'), id, text, about)
    return c.json(await showIncident(engine.database, id, await visiblePlans(engine, c.get('person'))), 200)
  })
  return app
}
