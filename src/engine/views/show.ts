import type { StoredEvent, StoredEventOf } from '../../core/events.ts'
import { visibleText } from '../../core/displayable.ts'
import { kindOfAction, worstOf } from '../../core/effect.ts'
import { messageName } from '../../core/message-name.ts'
import { isJsonObject, type JsonObject } from '../../core/json.ts'
import { parseCheckPlace, roundOf } from '../../core/place.ts'
import { connectionsOf } from '../../gate/breaker.ts'
import { blockingControls, readControls } from '../../gate/controls.ts'
import { widenedGroups } from '../../gate/eligible.ts'
import { leaseObstacles, limitObstacles, type Obstacle } from '../../gate/obstacles.ts'
import { leaseOf } from '../../gate/permit-limits.ts'
import {
  lapsesAt,
  readDecisions,
  readShownGates,
  requiredApprovals,
  whyInState,
  type GateRow,
} from '../../gate/gates.ts'
import { readAlerts } from '../../history/alerts.ts'
import { snapshot, type Database, type Queryable } from '../../history/database.ts'
import { alertView } from './alerts.ts'
import { readStoredObject } from '../../core/stored-json.ts'
import { readChildren, readEvents, readIncident, type IncidentRow, type ManualStep } from '../../history/incidents.ts'
import { readUndelivered } from '../../history/outbox.ts'
import type { VisiblePlans } from '../visible.ts'
import { isoTime } from './iso-time.ts'
import { summaryOf } from './list.ts'
import type { CheckView, GateView, IncidentView, RoundView } from './view-types.ts'

/** Thousands of alerts can join one incident; the view lists only the latest of them. */
const MAX_ALERTS = 50

/**
 * An incident with its rounds, from the engine's database alone. `plans`: of the incidents that follow it, the view has only those of these
 * plans; null: all. Throws `RUNBOOK_NOT_FOUND`.
 */
export async function showIncident(database: Database, id: string, plans: VisiblePlans = null): Promise<IncidentView> {
  return snapshot(database, (db) => incidentView(db, id, plans))
}

/** Like `showIncident`, but reads in the snapshot of the caller. */
export async function incidentView(db: Queryable, id: string, plans: VisiblePlans): Promise<IncidentView> {
  const incident = await readIncident(db, id)
  const events = await readEvents(db, id)
  const { gates, unreadable } = await readShownGates(db, id)
  // Only rounds that have events or gates are shown. Counting up to the highest number could take for ever, because somebody may have
  // changed a row to hold any number.
  const numbers = [...events.flatMap(({ place }) => roundOf(place ?? '') ?? []), ...gates.map((gate) => gate.round)]
  const inOrder = [...new Set(numbers)].toSorted((a, b) => a - b)
  const rounds: RoundView[] = []
  for (const round of inOrder) {
    const gate = gates.find((one) => one.round === round)
    rounds.push(
      await roundView(db, incident, round, events, gate, round < inOrder.at(-1)! || incident.closedAt !== null),
    )
  }
  const last = gates.at(-1)
  const controls = incident.closedAt ? [] : await readControls(db)
  const summary = summaryOf(incident)
  return {
    ...summary,
    ...(unreadable.length > 0 ? { unreadable: [...(summary.unreadable ?? []), ...unreadable] } : {}),
    rounds,
    children: await readChildren(db, id, plans),
    alerts: (await readAlerts(db, id, MAX_ALERTS)).map(alertView),
    manualSteps: summary.manualSteps.map((step) => withInstructions(step, gates)),
    controls: blockingControls(controls, last ? connectionsOf(last.proposal) : []),
    undelivered: (await readUndelivered(db, id)).map(({ place, since, ...one }) => ({
      ...one,
      about: messageName(place),
      since: isoTime(since),
    })),
  }
}

function withInstructions(step: ManualStep, gates: GateRow[]): IncidentView['manualSteps'][number] {
  const proposal = gates.find(({ id }) => id === step.gate)?.proposal
  const action = proposal?.actions.find(({ id, target }) => id === step.action && target === step.target)
  const { instructions, form } = action?.with ?? {}
  return {
    ...step,
    instructions: visibleText(instructions ?? 'the instructions of this step cannot be read'),
    form: isJsonObject(form) ? textValues(form) : {},
  }
}

/** Each value as one line of text. */
function textValues(values: JsonObject): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, visibleText(value)]))
}

async function roundView(
  db: Queryable,
  incident: IncidentRow,
  round: number,
  all: StoredEvent[],
  gate: GateRow | undefined,
  over: boolean,
): Promise<RoundView> {
  const events = all.filter(({ place }) => place !== null && roundOf(place) === round)
  const effects = gate ? await readEffects(db, gate.id) : []
  // If the diagnosis of a round ran several times, only the checks of the last run are shown.
  const look = events.map(({ place }) => lookOf(place)).findLast((one) => one !== undefined)
  const findings = events.find((event) => event.kind === 'findings')?.data.findings
  const verdict = events.find((event) => event.kind === 'verified')
  return {
    round,
    checks: events
      .filter((event) => event.kind === 'check')
      .filter(({ place }) => lookOf(place) === look)
      .map(checkView),
    looks: look ?? 1,
    causes: findings ?? [],
    remedy: gate?.remedy ?? null,
    gate: gate ? await gateView(db, incident, gate) : null,
    targets: gate ? targetStates(gate, events, effects, over) : [],
    effects,
    verified: verdict && !verdict.data.unseen ? verdict.data.held : null,
    unverifiable: verdict?.data.unseen === true,
  }
}

/** For a check of the diagnosis, the number of the run of the diagnosis in its round, from 1 on. */
function lookOf(place: string | null): number | undefined {
  const stage = place === null ? undefined : parseCheckPlace(place)?.stage
  return stage?.at === 'diagnose' ? (stage.look ?? 1) : undefined
}

function checkView({ data }: StoredEventOf<'check'>): CheckView {
  return {
    name: data.name,
    kind: data.check,
    status: data.status,
    rows: data.rows ?? null,
    truncated: data.truncated,
    error: data.error ?? null,
    durationMs: data.durationMs,
    ref: data.ref,
  }
}

/** A gate with its decisions. */
export async function gateView(
  db: Queryable,
  incident: Pick<IncidentRow, 'runbook' | 'key'>,
  gate: GateRow,
): Promise<GateView> {
  const decisions = await readDecisions(db, gate.id)
  const obstacles = gate.stateNow === 'open' ? await obstaclesOf(db, incident, gate) : []
  return {
    id: gate.id,
    proposalDigest: gate.proposalDigest,
    state: gate.stateNow,
    openedAt: gate.openedAt.toISOString(),
    expiresAt: gate.expiresAt.toISOString(),
    validUntil: gate.state === 'approved' ? isoTime(lapsesAt(gate)) : null,
    required: requiredApprovals(gate.proposal),
    groups: gate.escalatedAt ? widenedGroups(gate.proposal.approval) : gate.proposal.approval.by,
    auto: gate.proposal.approval.auto,
    why: whyInState(gate),
    decisions: decisions.map(({ person, decision, targets, comment, nextCause, at, withdrawnAt, breakGlass }) => ({
      person,
      decision,
      targets,
      comment,
      nextCause,
      breakGlass,
      at: isoTime(at),
      withdrawn: withdrawnAt !== null,
    })),
    obstacles: obstacles.map((one) => ({ ...one, endsAt: isoTime(one.endsAt) })),
    proposal: gate.proposal,
  }
}

async function obstaclesOf(
  db: Queryable,
  incident: Pick<IncidentRow, 'runbook' | 'key'>,
  gate: GateRow,
): Promise<Obstacle[]> {
  const remedy = `${incident.runbook}/${gate.remedy}`
  const leases = new Map(gate.proposal.targets.map(({ key }) => [key, leaseOf(incident, gate, remedy, key)]))
  return [...(await limitObstacles(db, gate, remedy, leases)), ...(await leaseObstacles(db, gate, leases))]
}

type EffectView = RoundView['effects'][number]

async function readEffects(db: Queryable, gate: string): Promise<EffectView[]> {
  const found = await db.query<Omit<EffectView, 'at' | 'answers'> & { at: Date; observed: string | null }>(
    'SELECT action, target, result, detail, observed, at FROM runbook.effects WHERE gate = $1 ORDER BY at, action, target',
    [gate],
  )
  return found.rows.map(({ observed, at, ...row }) => {
    const answers = kindOfAction(row.action) === 'manual' ? formAnswers(observed) : {}
    return { ...row, at: isoTime(at), ...(Object.keys(answers).length > 0 ? { answers } : {}) }
  })
}

function formAnswers(observed: string | null): Record<string, string> {
  const form = observed === null ? undefined : readStoredObject(observed)?.form
  return isJsonObject(form) ? textValues(form) : {}
}

/**
 * The state of each target. It is the worst result of the target's own effects or, if the proposal has no action for
 * this target alone, of the effects that were applied once for all targets. Without an effect it follows from the
 * target's permit, and without a permit from the last re-check.
 */
function targetStates(
  gate: GateRow,
  events: StoredEvent[],
  effects: EffectView[],
  over: boolean,
): RoundView['targets'] {
  const skipped: Record<string, string> = Object.assign(
    {},
    ...events.filter((event) => event.kind === 'recheck').map((event) => event.data.skipped),
  )
  const stopReason = events.findLast((event) => event.kind === 'stopped')?.data.reason
  const permitted = new Set(events.filter((event) => event.kind === 'permit').map((event) => event.data.target))
  return gate.proposal.targets.map(({ key }) => {
    const hasOwnAction = gate.proposal.actions.some((action) => action.target === key)
    const approved = gate.approvedTargets?.includes(key) === true
    const counts = (target: string) =>
      target === key || (!hasOwnAction && target === '-' && approved && !(key in skipped))
    const results = effects.filter((effect) => counts(effect.target)).map((effect) => effect.result)
    const worst = worstOf(results)
    if (worst) return { key, state: worst, why: null }
    if (permitted.has(key)) return { key, state: 'permitted', why: null }
    if (key in skipped) return { key, state: 'skipped', why: skipped[key] ?? null }
    if (approved && over) return { key, state: 'skipped', why: stopReason ?? null }
    return { key, state: gate.approvedTargets && !approved ? 'not-approved' : 'proposed', why: null }
  })
}
