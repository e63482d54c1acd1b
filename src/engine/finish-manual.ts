import { kindOfAction, type Effect } from '../core/effect.ts'
import { RunbookError } from '../core/errors.ts'
import { isJsonObject, type JsonObject } from '../core/json.ts'
import type { Person } from '../core/person.ts'
import type { PolicyTerms } from '../core/policy.ts'
import type { ProposedAction } from '../core/proposal.ts'
import { recordDone } from '../effects/record-done.ts'
import { missingGroups, widenedGroups } from '../gate/eligible.ts'
import { readGates, type GateRow } from '../gate/gates.ts'
import { demandedTerms, termsInForce } from '../gate/policy-terms.ts'
import { ALL_TARGETS } from '../core/proposal.ts'
import { readEvents, readIncident } from '../history/incidents.ts'
import { wakeIncident } from './incident-workflow.ts'
import type { Engine } from './engine.ts'
import type { DoneRequest } from './requests.ts'

/**
 * Records a person's answer to a `manual` step: done or not done. Then the workflow continues. Members of the groups that decide on the
 * gate, and of the groups that the incident escalates to, may answer. If no approval was needed, a member of any group may. If the policy
 * demands members of certain groups, now or when the gate opened, the person must be a member of one of these groups too. The first answer
 * wins. Throws `RUNBOOK_CONFLICT` when no manual step waits, `RUNBOOK_NOT_ALLOWED`, `RUNBOOK_BAD_INPUT`.
 */
export async function finishManual(
  engine: Engine,
  person: Person,
  incident: string,
  request: DoneRequest,
): Promise<Effect> {
  const { database } = engine
  const { closedAt, cancelledAt } = await readIncident(database, incident)
  const gate = (await readGates(database, incident)).at(-1)
  if (closedAt || cancelledAt || gate?.state !== 'approved')
    throw new RunbookError('RUNBOOK_CONFLICT', `${incident} has no manual step that waits for an answer`)
  const inForce = await termsInForce(database, engine.config.policy, gate.proposal)
  requireAllowed(gate, person, demandedTerms(gate.proposal, inForce))
  const step = chooseStep(incident, await waitingSteps(engine, gate), request)
  const form = readForm(step, request)
  const { done, comment } = request
  const place = { gate: gate.id, action: step.id, target: step.target }
  const effect = await recordDone(database, place, { person: person.name, done, form, comment })
  // If the signal is lost, the workflow continues later, because it polls for the answer.
  await wakeIncident(engine, incident).catch(() => {})
  return effect
}

function requireAllowed({ id, proposal }: GateRow, person: Person, terms: PolicyTerms | undefined): void {
  const { approval } = proposal
  const groups = widenedGroups(approval)
  const isMember = approval.auto ? person.groups.length > 0 : person.groups.some((group) => groups.includes(group))
  const missing = terms && missingGroups(terms, person)
  if (isMember && !missing) return
  throw new RunbookError(
    'RUNBOOK_NOT_ALLOWED',
    `${id}: ${person.name} may not answer this step. Members of these groups may: ${(missing ?? groups).join(', ')}`,
  )
}

/**
 * The manual steps that wait now. Each action runs for all its targets before the next action starts. Left out are targets that were not
 * approved, targets that no longer qualified, and targets with an earlier action that was refused, is unknown, was not done by a person or
 * had an unexpected result. After the remedy was stopped, no step waits.
 */
async function waitingSteps(
  { database }: Engine,
  { id, incident, round, proposal, approvedTargets }: GateRow,
): Promise<ProposedAction[]> {
  const events = await readEvents(database, incident)
  const rechecks = events.filter((event) => event.kind === 'recheck').filter(({ data }) => data.round === round)
  // The re-check decides which targets are kept.
  if (rechecks.length === 0) return []
  if (events.some(({ kind, data }) => kind === 'stopped' && data.round === round)) return []
  const dropped = new Set(rechecks.flatMap(({ data }) => Object.keys(data.skipped)))
  for (const { kind, data } of events)
    if (kind === 'unexpected' && proposal.targets.some(({ key }) => key === data.target)) dropped.add(data.target)
  const found = await database.query<{ action: string; target: string; result: string }>(
    'SELECT action, target, result FROM runbook.effects WHERE gate = $1',
    [id],
  )
  for (const { action, target, result } of found.rows) {
    const isDeclined = result === 'skipped' && kindOfAction(action) === 'manual'
    if (result === 'refused' || result === 'unknown' || isDeclined) dropped.add(target)
  }
  const open = proposal.actions.filter(
    (one) =>
      (one.target === ALL_TARGETS || approvedTargets === null || approvedTargets.includes(one.target)) &&
      !dropped.has(one.target) &&
      !found.rows.some((row) => row.action === one.id && row.target === one.target),
  )
  const next = open[0]
  return next?.kind === 'manual' ? open.filter((one) => one.id === next.id) : []
}

function chooseStep(incident: string, waiting: ProposedAction[], { action, target }: DoneRequest): ProposedAction {
  const matching = waiting.filter((one) => (action ?? one.id) === one.id && (target ?? one.target) === one.target)
  if (matching.length === 1) return matching[0]!
  const names = waiting.map((one) => `${one.id}/${one.target}`).join(', ')
  if (waiting.length === 0)
    throw new RunbookError('RUNBOOK_CONFLICT', `${incident} has no manual step that waits for an answer now`)
  throw new RunbookError('RUNBOOK_CONFLICT', `${incident}: name one of the waiting steps: ${names}`)
}

/** Checks the values of the step's form: all fields are required if the step was done, and no other field is allowed. */
function readForm(step: ProposedAction, { done, form = {} }: DoneRequest): JsonObject {
  const fields = isJsonObject(step.with.form) ? step.with.form : {}
  const problems = Object.keys(form)
    .filter((name) => !Object.hasOwn(fields, name))
    .map((name) => `${name}: the step's form has no such field`)
  for (const [name, question] of Object.entries(fields))
    if (done && !form[name]?.trim()) problems.push(`${name} is required: ${String(question)}`)
  if (problems.length > 0) throw new RunbookError('RUNBOOK_BAD_INPUT', problems.join('; '), { problems })
  return form
}
