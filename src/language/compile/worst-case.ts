import { manualPollMs } from '../../core/manual-poll.ts'
import type { Plan, PlanCheck, PlanRemedy } from '../../core/plan.ts'

/** Temporal warns at 10,240 events of one workflow and ends it at 51,200. */
export const MAX_EVENTS = 8_000

/** A local activity is one marker; beyond this timeout a check is a normal activity. */
const LOCAL_MS = 5_000
/** Scheduled, started, completed; and the workflow task that follows: scheduled, started, completed. */
const ACTIVITY = 6
const TASK = 3
/** Started and fired, and the workflow task that follows. */
const TIMER = 2 + TASK
/** Proposing, settling, reminders, recording and telling, in one round. */
const ROUND = 80
/** So often the interpreter looks at the grounds again within one round. */
const RECHECKS = 5

/** An upper bound for the events of one incident: every round with the remedy that makes most of them. */
export function worstCaseEvents(plan: Plan): number {
  const look = eventsOfLook(plan.checks)
  const remedy = Math.max(0, ...Object.values(plan.remedies).map(eventsOfRemedy))
  return plan.rounds.total * (ROUND + look * (1 + RECHECKS) + remedy)
}

function eventsOfLook(checks: PlanCheck[]): number {
  const depth = new Map<string, number>()
  for (const { name, needs } of checks) depth.set(name, 1 + Math.max(0, ...needs.map((need) => depth.get(need) ?? 0)))
  const waves = Math.max(0, ...depth.values())
  return waves * TASK + checks.reduce((total, { timeoutMs }) => total + (timeoutMs <= LOCAL_MS ? 1 : ACTIVITY), 0)
}

function eventsOfRemedy({ actions, limits, for: each }: PlanRemedy): number {
  const targets = each === undefined ? 1 : limits.maxTargets
  let events = ACTIVITY
  for (const { kind: action, timeoutMs, once, batches, wait } of actions) {
    const looks = action === 'manual' ? Math.ceil(timeoutMs / manualPollMs(timeoutMs)) : 0
    events += (once ? 1 : targets) * (ACTIVITY + looks * (ACTIVITY + TIMER))
    if (batches) events += Math.ceil(targets / batches.size) * TIMER
    if (wait) events += ACTIVITY
  }
  return events
}
