import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi'
import { RunbookError } from '../../core/errors.ts'
import { decideGate } from '../../engine/decide-gate.ts'
import type { Engine } from '../../engine/engine.ts'
import { openGates } from '../../engine/views/open-gates.ts'
import { showIncident } from '../../engine/views/show.ts'
import { decided, withdrawn } from '../../engine/views/view-schemas.ts'
import type { IncidentView } from '../../engine/views/view-types.ts'
import { withdrawDecision } from '../../engine/withdraw-decision.ts'
import { newApp, type ApiEnv } from '../app.ts'
import { answers, jsonBody } from '../describe.ts'
import { decisionBody, incidentParams, withdrawBody } from '../request-schemas.ts'
import { gateList } from '../response-schemas.ts'

const decide = createRoute({
  method: 'post',
  path: '/v1/incidents/{id}/decision',
  summary: 'Approve or reject exactly the proposal with this digest',
  request: { params: incidentParams, body: jsonBody(decisionBody) },
  responses: answers(decided, 'Taken; `state` is still `open` below the quorum', [403, 404, 409]),
})

const takeBack = createRoute({
  method: 'post',
  path: '/v1/incidents/{id}/withdraw',
  summary: 'Take your own decision back, until the first permit',
  request: { params: incidentParams, body: jsonBody(withdrawBody) },
  responses: answers(withdrawn, 'Taken back; `state` is `withdrawn` where the quorum is lost', [403, 404, 409]),
})

const listGates = createRoute({
  method: 'get',
  path: '/v1/gates',
  summary: 'Gates that wait for decisions',
  request: { query: z.object({ state: z.literal('open').default('open') }) },
  responses: answers(gateList, 'The one that was opened last first; at most 200', []),
})

export function gateRoutes(engine: Engine): OpenAPIHono<ApiEnv> {
  const app = newApp()
  app.openapi(decide, async (c) => {
    const { id } = c.req.valid('param')
    const request = c.req.valid('json')
    const gate = gateOf(id, request.gate, await showIncident(engine.database, id))
    return c.json(await decideGate(engine, c.get('person'), { ...request, gate }), 200)
  })
  app.openapi(takeBack, async (c) => {
    const { id } = c.req.valid('param')
    const request = c.req.valid('json')
    const gate = gateOf(id, request.gate, await showIncident(engine.database, id))
    return c.json(await withdrawDecision(engine, c.get('person'), { ...request, gate }), 200)
  })
  app.openapi(listGates, async (c) => c.json({ gates: await openGates(engine.database) }, 200))
  return app
}

/** The gate that is meant: the one named, which must be the incident's, or else its latest. */
function gateOf(id: string, named: string | undefined, { rounds }: IncidentView): string {
  if (named !== undefined && !named.startsWith(`${id}.`))
    throw new RunbookError('RUNBOOK_BAD_INPUT', `gate: ${named} is no gate of ${id}`)
  const gate = named ?? rounds.findLast((round) => round.gate)?.gate?.id
  if (gate === undefined) throw new RunbookError('RUNBOOK_CONFLICT', `${id} has no proposal to decide on`)
  return gate
}
