import { manualPollMs } from '../../core/manual-poll.ts'
import type { Plan, PlanCheck, PlanRemedy } from '../../core/plan.ts'

/** Temporal's limit for one workflow: it warns at 10,240 events and ends the workflow at 51,200. */
export const MAX_EVENTS = 8_000

/** A check with at most this timeout runs as a local activity, which adds one event (a marker). */
const MAX_LOCAL_MS = 5_000
/** The events of a workflow task: scheduled, started, completed. */
const TASK = 3
/** The events of an activity: scheduled, started, completed, and the workflow task after it. */
const ACTIVITY = 3 + TASK
/** The events of a timer: started, fired, and the workflow task after it. */
const TIMER = 2 + TASK
/** The events for the proposal, the gate, reminders, records and notifications in one round. */
const ROUND = 80
/** How often the interpreter may re-check the preconditions in one round. */
const RECHECKS = 5

/** An upper bound for the workflow events of one incident: every round applies the remedy with the most events. */
export function worstCaseEvents(plan: Plan): number {
  const diagnosis = eventsOfDiagnosis(plan.checks)
  const remedy = Math.max(0, ...Object.values(plan.remedies).map(eventsOfRemedy))
  const looks = plan.rounds.again?.times ?? 0
  return plan.rounds.total * (ROUND + diagnosis * (1 + RECHECKS) + remedy) + looks * (1 + TIMER + diagnosis)
}

function eventsOfDiagnosis(checks: PlanCheck[]): number {
  const depth = new Map<string, number>()
  for (const { name, needs } of checks) depth.set(name, 1 + Math.max(0, ...needs.map((need) => depth.get(need) ?? 0)))
  const waves = Math.max(0, ...depth.values())
  return waves * TASK + checks.reduce((total, { timeoutMs }) => total + (timeoutMs <= MAX_LOCAL_MS ? 1 : ACTIVITY), 0)
}

function eventsOfRemedy({ actions, limits, for: each }: PlanRemedy): number {
  const targets = each === undefined ? 1 : limits.maxTargets
  let events = ACTIVITY
  for (const { kind: action, timeoutMs, once, batches, wait } of actions) {
    const polls = action === 'manual' ? Math.ceil(timeoutMs / manualPollMs(timeoutMs)) : 0
    events += (once ? 1 : targets) * (ACTIVITY + polls * (ACTIVITY + TIMER))
    if (batches) events += Math.ceil(targets / batches.size) * TIMER
    if (wait) events += ACTIVITY
  }
  return events
}
