import type { Effect } from '../core/effect.ts'
import { RunbookError } from '../core/errors.ts'
import { isJsonObject, type JsonObject } from '../core/json.ts'
import type { Person } from '../core/person.ts'
import type { ProposedAction } from '../core/proposal.ts'
import { recordDone } from '../effects/record-done.ts'
import { widenedGroups } from '../gate/eligible.ts'
import { readGates, type GateRow } from '../gate/gates.ts'
import { readEvents, readIncident } from '../history/incidents.ts'
import { wakeWorkflow } from '../temporal/wake-workflow.ts'
import type { Engine } from './engine.ts'
import type { DoneRequest } from './requests.ts'

/**
 * A person says that a `manual` step was done, or not; then the workflow goes on. Who may: those who decide on the gate and those to
 * whom the incident is escalated; where no approval was needed, everybody who is in a group. The first word counts. Throws
 * `RUNBOOK_CONFLICT` when no such step waits, `RUNBOOK_NOT_ALLOWED`, `RUNBOOK_BAD_INPUT`.
 */
export async function finishManual(
  engine: Engine,
  person: Person,
  incident: string,
  request: DoneRequest,
): Promise<Effect> {
  const { database, temporal } = engine
  const { closedAt, cancelledAt } = await readIncident(database, incident)
  const gate = (await readGates(database, incident)).at(-1)
  if (closedAt || cancelledAt || gate?.state !== 'approved')
    throw new RunbookError('RUNBOOK_CONFLICT', `${incident} has no step that waits for a person`)
  allow(gate, person)
  const step = choose(incident, await waitingSteps(engine, gate), request)
  const form = readForm(step, request)
  const { done, comment } = request
  const place = { gate: gate.id, action: step.id, target: step.target }
  const effect = await recordDone(database, place, { person: person.name, done, form, comment })
  // Lost, the workflow looks by itself after a while.
  await wakeWorkflow(temporal.client, incident).catch(() => {})
  return effect
}

function allow({ id, proposal }: GateRow, person: Person): void {
  const groups = widenedGroups(proposal.approval)
  if (proposal.approval.auto ? person.groups.length > 0 : person.groups.some((group) => groups.includes(group))) return
  throw new RunbookError(
    'RUNBOOK_NOT_ALLOWED',
    `${id}: ${person.name} is in none of the groups that decide here: ${groups.join(', ')}`,
  )
}

/**
 * Manual steps whose turn it is: actions run in order, each for all its targets before the next. Targets that no longer qualified,
 * or of which an earlier action was refused or is unknown, are left out.
 */
async function waitingSteps(
  { database }: Engine,
  { id, incident, round, proposal }: GateRow,
): Promise<ProposedAction[]> {
  const events = await readEvents(database, incident)
  const rechecks = events.filter((event) => event.kind === 'recheck').filter(({ data }) => data.round === round)
  // Before the grounds were looked at again nobody knows which targets stay.
  if (rechecks.length === 0) return []
  const left = new Set(rechecks.flatMap(({ data }) => Object.keys(data.skipped)))
  const found = await database.query<{ action: string; target: string; result: string }>(
    'SELECT action, target, result FROM runbook.effects WHERE gate = $1',
    [id],
  )
  for (const { target, result } of found.rows) if (result === 'refused' || result === 'unknown') left.add(target)
  const open = proposal.actions.filter(
    (one) => !left.has(one.target) && !found.rows.some((row) => row.action === one.id && row.target === one.target),
  )
  const turn = open[0]
  return turn?.kind === 'manual' ? open.filter((one) => one.id === turn.id) : []
}

function choose(incident: string, waiting: ProposedAction[], { action, target }: DoneRequest): ProposedAction {
  const meant = waiting.filter((one) => (action ?? one.id) === one.id && (target ?? one.target) === one.target)
  if (meant.length === 1) return meant[0]!
  const names = waiting.map((one) => `${one.id}/${one.target}`).join(', ')
  if (waiting.length === 0)
    throw new RunbookError('RUNBOOK_CONFLICT', `${incident} has no step that waits for a person just now`)
  throw new RunbookError('RUNBOOK_CONFLICT', `${incident}: say which step; these wait: ${names}`)
}

/** The answers to what the step asks: all of them when it was done, and no others. */
function readForm(step: ProposedAction, { done, form = {} }: DoneRequest): JsonObject {
  const questions = isJsonObject(step.with.form) ? step.with.form : {}
  const problems = Object.keys(form)
    .filter((name) => !Object.hasOwn(questions, name))
    .map((name) => `${name} is not asked for`)
  for (const [name, question] of Object.entries(questions))
    if (done && !form[name]?.trim()) problems.push(`${name} is asked for: ${String(question)}`)
  if (problems.length > 0) throw new RunbookError('RUNBOOK_BAD_INPUT', problems.join('; '), { problems })
  return form
}
