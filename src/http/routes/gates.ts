import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi'
import { RunbookError } from '../../core/errors.ts'
import { decideGate } from '../../engine/decide-gate.ts'
import type { Engine } from '../../engine/engine.ts'
import { openGates } from '../../engine/views/open-gates.ts'
import { showIncident } from '../../engine/views/show.ts'
import { decided, withdrawn } from '../../engine/views/view-schemas.ts'
import type { IncidentView } from '../../engine/views/view-types.ts'
import { visiblePlans } from '../../engine/visible.ts'
import { withdrawDecision } from '../../engine/withdraw-decision.ts'
import { newApp, type ApiEnv } from '../app.ts'
import { answers, jsonBody } from '../describe.ts'
import { decisionBody, incidentParams, withdrawBody } from '../request-schemas.ts'
import { gateList } from '../response-schemas.ts'

const decide = createRoute({
  method: 'post',
  path: '/v1/incidents/{id}/decision',
  summary: 'Approve or reject the proposal with this digest',
  request: { params: incidentParams, body: jsonBody(decisionBody) },
  responses: answers(decided, 'Recorded; `state` stays `open` until the quorum is reached', [403, 404, 409]),
})

const withdraw = createRoute({
  method: 'post',
  path: '/v1/incidents/{id}/withdraw',
  summary: 'Withdraw your own decision; possible until the first permit',
  request: { params: incidentParams, body: jsonBody(withdrawBody) },
  responses: answers(
    withdrawn,
    'Withdrawn; `state` is `withdrawn` if the quorum is no longer reached',
    [403, 404, 409],
  ),
})

const listGates = createRoute({
  method: 'get',
  path: '/v1/gates',
  summary: 'Gates that wait for decisions',
  request: { query: z.object({ state: z.literal('open').default('open') }) },
  responses: answers(gateList, 'Newest first; at most 200', []),
})

export function gateRoutes(engine: Engine): OpenAPIHono<ApiEnv> {
  const app = newApp()
  app.openapi(decide, async (c) => {
    const { id } = c.req.valid('param')
    const request = c.req.valid('json')
    const gate = gateOf(id, request.gate, await showIncident(engine.database, id))
    return c.json(await decideGate(engine, c.get('person'), { ...request, gate }), 200)
  })
  app.openapi(withdraw, async (c) => {
    const { id } = c.req.valid('param')
    const request = c.req.valid('json')
    const gate = gateOf(id, request.gate, await showIncident(engine.database, id))
    return c.json(await withdrawDecision(engine, c.get('person'), { ...request, gate }), 200)
  })
  app.openapi(listGates, async (c) => {
    const plans = await visiblePlans(engine, c.get('person'))
    return c.json(await openGates(engine.database, plans), 200)
  })
  return app
}

/** Returns the named gate, which must belong to the incident; by default the incident's latest gate. */
function gateOf(id: string, named: string | undefined, { rounds }: IncidentView): string {
  if (named !== undefined && !named.startsWith(`${id}.`))
    throw new RunbookError(
      'RUNBOOK_BAD_INPUT',
      `gate: ${named} is not a gate of ${id}. A gate is written like ${id}.r1`,
    )
  const gate = named ?? rounds.findLast((round) => round.gate)?.gate?.id
  if (gate === undefined) throw new RunbookError('RUNBOOK_CONFLICT', `${id} has no proposal to decide on`)
  return gate
}
