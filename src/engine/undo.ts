import { RunbookError } from '../core/errors.ts'
import type { Person } from '../core/person.ts'
import { readGates } from '../gate/gates.ts'
import { acceptIncident, type Accepted } from '../history/accept.ts'
import type { Database } from '../history/database.ts'
import { readIncident } from '../history/incidents.ts'
import { readPlan, storePlan } from '../history/plans.ts'
import { recordEvents } from '../history/record.ts'
import type { Engine } from './engine.ts'
import { startAccepted } from './trigger.ts'
import { undoPlan, type AppliedAction } from './undo-plan.ts'

/**
 * Opens an incident, linked to a closed one, that proposes to take back what that one applied. It is a proposal like any other: it
 * waits at its gate. Throws `RUNBOOK_CONFLICT` for an incident that is open, applied nothing, or did what the engine cannot take back.
 */
export async function undoIncident(engine: Engine, person: Person, id: string): Promise<Accepted> {
  const { database } = engine
  const { closedAt, planDigest: its } = await readIncident(database, id)
  const conflict = (why: string) => new RunbookError('RUNBOOK_CONFLICT', `${id} ${why}`)
  if (!closedAt) throw conflict(`is still open: "runbook cancel ${id}" would end it first`)
  const original = await readPlan(database, its)
  const applied = await appliedBy(database, id, original.remedies)
  if (applied.length === 0) throw conflict('applied nothing that could be taken back')
  const { plan, left } = undoPlan(id, original, applied)
  if (!plan) throw conflict(`did nothing that the engine can take back: ${left.join('; ')}`)
  const planDigest = await storePlan(database, plan, `# made by "runbook undo ${id}"\n`)
  const requester = `person:${person.name}`
  const accepted = await acceptIncident(database, {
    type: plan.incident,
    runbook: plan.name,
    planDigest,
    key: `undo/${id}`,
    inputs: {},
    requester,
    parent: id,
  })
  const { incident, created } = accepted
  await recordEvents(database, id, [{ actor: requester, kind: 'undo', data: { incident, created } }])
  if (created)
    await startAccepted(engine, plan, { incident, planDigest, inputs: {} }).catch(() => {
      // Accepted is accepted: the starter works it off.
    })
  return accepted
}

/** In the order in which it was done. */
async function appliedBy(
  database: Database,
  incident: string,
  remedies: Record<string, AppliedAction['remedy']>,
): Promise<AppliedAction[]> {
  const gates = await readGates(database, incident)
  const effects = await database.query<{ gate: string; action: string; target: string }>(
    `SELECT e.gate, e.action, e.target FROM runbook.effects e JOIN runbook.gates g ON g.id = e.gate
     WHERE g.incident = $1 AND e.result = 'applied' ORDER BY e.at, e.action, e.target`,
    [incident],
  )
  return effects.rows.flatMap(({ gate: id, action: name, target }): AppliedAction[] => {
    const gate = gates.find((one) => one.id === id)
    const action = gate?.intact && gate.proposal.actions.find((one) => one.id === name && one.target === target)
    return action ? [{ action, remedy: remedies[gate.remedy] }] : []
  })
}
