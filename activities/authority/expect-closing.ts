import { parseEvent } from '../../src/core/parse-event.ts'
import { parseCheckPlace, placesInRounds, type CheckStage } from '../../src/core/place.ts'
import type { Outcome } from '../../src/core/incident.ts'
import type { Queryable } from '../../src/history/database.ts'
import { evaluateCauses, evaluateCondition } from '../../src/interpreter/find.ts'
import type { ClosingRequest } from '../../src/interpreter/host.ts'
import { closure, scopeOf, type Scope } from '../../src/interpreter/scope.ts'
import type { Authority } from './caller.ts'
import { scopeAt } from './evidence-scope.ts'
import { refuse } from './refuse.ts'

/**
 * Refuses an outcome that claims more than the stored evidence. `resolved` and `cleared` need the last sample of the symptom to be without
 * it, `resolved` a verified remedy as well, and `no-action` and `handed-off` a cause with this end. `declined`, `expired` and `cancelled`
 * end an incident without notifying anybody, so a rejection by a person, an expired gate or a cancellation must be stored. `failed` and
 * `escalated` claim no success.
 */
export async function expectClosing(db: Queryable, authority: Authority, { outcome }: ClosingRequest): Promise<void> {
  const { incident, plan } = authority
  if (outcome === 'resolved' && !(await anyVerified(db, incident))) refuse(incident, 'no remedy was verified')
  if (outcome === 'resolved' || outcome === 'cleared') {
    if (!plan.symptom)
      return outcome === 'cleared'
        ? refuse(incident, 'the plan of the incident has no symptom check, so the incident cannot be cleared')
        : undefined
    const symptom = evaluateCondition(plan.symptom, await lastScope(db, authority))
    if (!('value' in symptom) || symptom.value === true)
      refuse(incident, 'the symptom was present or unknown in the last checks')
  }
  if (outcome === 'no-action' || outcome === 'handed-off') {
    const end = outcome === 'no-action' ? 'no-action' : 'handoff'
    const scope = await diagnosedScope(db, authority)
    const isNamed = evaluateCauses(plan, scope).some(
      ({ cause, finding }) => finding.holds === true && 'end' in cause.then && cause.then.end === end,
    )
    if (!isNamed && plan.otherwise.end !== end) refuse(incident, `no cause with the end ${end} holds`)
  }
  if (!(await hasStoredReason(db, incident, outcome)))
    refuse(incident, `no stored event or gate says that the incident is ${outcome}`)
}

/** Whether the history contains what the outcome says about people and gates. An incident that is already closed is not changed. */
async function hasStoredReason(db: Queryable, incident: string, outcome: Outcome): Promise<boolean> {
  if (!['declined', 'expired', 'cancelled'].includes(outcome)) return true
  const found = await db.query<{ stored: boolean }>(
    `SELECT closed_at IS NOT NULL OR CASE $2
       WHEN 'cancelled' THEN cancelled_at IS NOT NULL
       ELSE EXISTS (SELECT FROM runbook.gates g WHERE g.incident = i.id AND g.state = CASE $2 WHEN 'declined' THEN 'rejected' ELSE 'expired' END)
       END AS stored
     FROM runbook.incidents i WHERE id = $1`,
    [incident, outcome],
  )
  return found.rows[0]?.stored === true
}

async function anyVerified(db: Queryable, incident: string): Promise<boolean> {
  const found = await db.query<{ body: string }>(
    'SELECT body FROM runbook.events WHERE incident = $1 AND place = ANY ($2)',
    [incident, placesInRounds('verified')],
  )
  return found.rows.some(({ body }) => {
    const event = parseEvent(body)
    return event.kind === 'verified' && event.data.held
  })
}

/**
 * The latest stored evidence of the symptom's checks, from a round's diagnosis or from the checks after a verified
 * remedy.
 */
async function lastScope(db: Queryable, authority: Authority): Promise<Scope> {
  const { plan } = authority
  return scopeAt(
    db,
    authority,
    await lastStage(db, authority, ['diagnose', 'after']),
    closure(plan.checks, plan.symptom?.checks ?? []),
  )
}

/**
 * The evidence of the whole diagnosis of a round, by default of the last round. If the diagnosis ran several times, only its last run
 * counts.
 */
export async function diagnosedScope(db: Queryable, authority: Authority, round?: number): Promise<Scope> {
  const { plan, inputs } = authority
  // The plan of an undo has no checks, so no evidence is stored.
  if (plan.checks.length === 0) return scopeOf(plan, inputs)
  return scopeAt(db, authority, await lastStage(db, authority, ['diagnose'], round), plan.checks)
}

async function lastStage(db: Queryable, { incident }: Authority, kinds: string[], round?: number): Promise<CheckStage> {
  const found = await db.query<{ place: string }>('SELECT place FROM runbook.evidence WHERE incident = $1', [incident])
  const stages = found.rows.flatMap(({ place }) => {
    const stage = parseCheckPlace(place)?.stage
    return stage && kinds.includes(stage.at) && (round ?? stage.round) === stage.round ? [stage] : []
  })
  const last = stages.toSorted((a, b) => a.round - b.round || orderInRound(a) - orderInRound(b)).at(-1)
  if (last) return last
  // Nothing is stored for this round. The search for the evidence of its first diagnosis then reports which check is missing.
  return round === undefined ? refuse(incident, 'nothing was diagnosed') : { at: 'diagnose', round }
}

function orderInRound(stage: CheckStage): number {
  return stage.at === 'diagnose' ? (stage.look ?? 1) : Number.MAX_SAFE_INTEGER
}
