import { RunbookError } from '../core/errors.ts'
import type { EffectResult } from '../core/effect.ts'
import type { JsonObject } from '../core/json.ts'
import type { Person } from '../core/person.ts'
import { readGates } from '../gate/gates.ts'
import { acceptIncident, type Accepted } from '../history/accept.ts'
import { transaction, type Database } from '../history/database.ts'
import { readIncident } from '../history/incidents.ts'
import { readAuthors, readPlan, recordAuthors, storePlan } from '../history/plans.ts'
import { recordEvents } from '../history/record.ts'
import type { Engine } from './engine.ts'
import { requireBelowLimit } from './incident-actions.ts'
import { startAccepted } from './trigger.ts'
import { isUndo, undoKey, undoPlan, type AppliedAction, type EarlierUndo } from './undo-plan.ts'

/**
 * Opens an incident that is linked to a closed incident and proposes to undo its effects. The proposal waits at its gate like any other.
 * Throws `RUNBOOK_CONFLICT` if the incident is open, applied nothing, or has only effects that the engine cannot undo.
 */
export async function undoIncident(engine: Engine, person: Person, id: string): Promise<Accepted> {
  const { database } = engine
  const { closedAt, planDigest: originalDigest } = await readIncident(database, id)
  const conflict = (why: string) => new RunbookError('RUNBOOK_CONFLICT', `${id} ${why}`)
  if (!closedAt) throw conflict(`is still open: cancel it first with "runbook cancel ${id}"`)
  const original = await readPlan(database, originalDigest)
  const applied = await appliedBy(database, id, original.remedies)
  if (applied.length === 0) throw conflict('applied nothing: there is nothing to undo')
  const { plan, notUndone } = undoPlan(id, original, applied, await undoneBefore(database, id))
  if (!plan) throw conflict(`has no effect that the engine can undo: ${notUndone.join('; ')}`)
  // Each undo is an event of the closed incident, even if it only joins an undo that is already open.
  await transaction(database, (connection) => requireBelowLimit(connection, engine, id, person, 'undo requests'))
  const planDigest = await storePlan(database, plan, `# made by "runbook undo ${id}"\n`)
  // The statements of the undo come from the original runbook, so the authors are the same.
  await recordAuthors(database, planDigest, await readAuthors(database, originalDigest))
  const requester = `person:${person.name}`
  const { workflowId, ...accepted } = await acceptIncident(database, {
    type: plan.incident,
    runbook: plan.name,
    planDigest,
    key: undoKey(id),
    inputs: {},
    requester,
    parent: id,
  })
  const { incident, created } = accepted
  await recordEvents(database, id, [{ actor: requester, kind: 'undo', data: { incident, created } }])
  if (workflowId !== undefined)
    await startAccepted(engine, workflowId, plan, { incident, planDigest, inputs: {} }).catch(() => {
      // If Temporal does not answer, the incident is stored, and the reconciler starts its workflow later.
    })
  return accepted
}

/** What earlier incidents that undo this one did. */
async function undoneBefore(database: Database, id: string): Promise<EarlierUndo[]> {
  const children = await database.query<{ id: string; type: string; key: string; parent: string }>(
    'SELECT id, type, key, parent FROM runbook.incidents WHERE parent = $1 ORDER BY number',
    [id],
  )
  const done: EarlierUndo[] = []
  for (const { id: incident } of children.rows.filter(isUndo))
    for (const { action, result } of await effectsOf(database, incident, ['applied', 'unknown']))
      done.push({ incident, action, isKnown: result === 'applied' })
  return done
}

/** The applied effects, in the order in which they were applied. */
async function appliedBy(
  database: Database,
  incident: string,
  remedies: Record<string, AppliedAction['remedy']>,
): Promise<AppliedAction[]> {
  return (await effectsOf(database, incident, ['applied'])).map(({ action, remedy, lease, observed }) => ({
    action,
    remedy: remedies[remedy],
    lease: lease ?? action.target,
    observed: observed === null ? {} : (JSON.parse(observed) as JsonObject),
  }))
}

interface FoundEffect {
  gate: string
  action: string
  target: string
  result: EffectResult
  observed: string | null
  lease: string | null
}

/** The effects with one of these results, each with its action as it was proposed, in the order in which they were recorded. */
async function effectsOf(database: Database, incident: string, results: EffectResult[]) {
  const gates = await readGates(database, incident)
  const effects = await database.query<FoundEffect>(
    `SELECT e.gate, e.action, e.target, e.result, e.observed, p.lease FROM runbook.effects e JOIN runbook.gates g ON g.id = e.gate
     LEFT JOIN runbook.permits p ON p.gate = e.gate AND p.target = e.target
     WHERE g.incident = $1 AND e.result = ANY ($2) ORDER BY e.at, e.action, e.target`,
    [incident, results],
  )
  return effects.rows.flatMap(({ gate: id, action: name, target, ...found }) => {
    const gate = gates.find((one) => one.id === id)
    const action = gate?.intact && gate.proposal.actions.find((one) => one.id === name && one.target === target)
    return action ? [{ ...found, action, remedy: gate.remedy }] : []
  })
}
