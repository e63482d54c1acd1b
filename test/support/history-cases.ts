import { ApplicationFailure } from '@temporalio/common'
import { sleep } from '@temporalio/activity'
import type { DiagnoseActivities, RemediateActivities } from '../../activities/create-activities.ts'
import type { GateResolution } from '../../src/core/decision.ts'
import type { EffectResult } from '../../src/core/effect.ts'
import type { Evidence } from '../../src/core/evidence.ts'
import type { Json } from '../../src/core/json.ts'
import type { Plan } from '../../src/core/plan.ts'
import { expression, plan, remedy, things } from '../unit/interpreter/plan-fixture.ts'

/** An incident whose Temporal history is stored: the results of its activities, and when its recording ends. */
export interface HistoryCase {
  name: string
  plan: Plan
  answers: Answers
  /** The history is recorded while the incident waits, as soon as this event exists. If absent, it is recorded when the incident has ended. */
  waits?: { event: 'timer' } | { event: 'activity'; type: string }
  /** The outcome of the incident, if the incident ends. */
  outcome?: string
  /** How many signals are sent once the workflow waits for a timer. */
  signals?: number
}

interface Answers {
  /** A check's result by its place. Default: the things a and b are bad until something was applied. */
  check?(place: string, applied: boolean): ReturnType<typeof things> | 'failed' | 'never'
  /** The state of the gate that `propose` returns. If absent, it returns none, as older versions did. */
  gateNow?: GateResolution
  /** The result of the n-th call. Default: everything is approved. */
  resolveGate?(call: number, gate: string): GateResolution | 'error'
  apply?(target: string, call: number): EffectResult | 'stale' | 'stopped' | 'waiting' | 'never'
  held?: boolean | 'never'
}

const a = { id: 'a', n: 2 }
const b = { id: 'b', n: 3 }
const open: GateResolution = { state: 'open', expiresInMs: 900_000, escalated: false }
const approved: GateResolution = { state: 'approved', targets: ['a', 'b'] }
const withSlowChecks = (one: Plan): Plan => ({
  ...one,
  checks: one.checks.map((check) => ({ ...check, timeoutMs: 30_000 })),
})
const mending = (change: Parameters<typeof remedy>[1]) =>
  plan({ remedies: { mend: remedy('mend', change), replace: remedy('replace') } })
/** A plan whose only cause concerns none of the things that are bad. */
const lookingAgain = (everyMs: number) =>
  plan({
    causes: [{ ...plan().causes[0]!, affects: expression('bad.rows.filter(r, r.n > 2)', ['bad']) }],
    rounds: { ineffective: 3, total: 10, again: { times: 2, everyMs } },
  })
const [action] = remedy('mend').actions

/** Every state in which an incident can wait, and every outcome. */
export const HISTORY_CASES: HistoryCase[] = [
  {
    name: 'waits-diagnosing',
    plan: withSlowChecks(plan()),
    answers: { check: () => 'never' },
    waits: { event: 'activity', type: 'runChecks' },
  },
  { name: 'waits-at-the-gate', plan: plan(), answers: { resolveGate: () => open }, waits: { event: 'timer' } },
  {
    name: 'waits-at-the-gate-escalated',
    plan: plan(),
    answers: { resolveGate: () => ({ ...open, escalated: true }) },
    waits: { event: 'timer' },
  },
  {
    name: 'waits-at-the-gate-reminded',
    plan: plan(),
    answers: { resolveGate: () => ({ ...open, remindInMs: 0 }) },
    waits: { event: 'timer' },
  },
  {
    name: 'waits-at-the-gate-since-it-was-proposed',
    plan: plan(),
    answers: { gateNow: open },
    waits: { event: 'timer' },
  },
  {
    name: 'waits-applying',
    plan: plan(),
    answers: { apply: (target) => (target === 'b' ? 'never' : 'applied') },
    waits: { event: 'activity', type: 'apply' },
  },
  {
    name: 'waits-for-a-person',
    plan: plan(),
    answers: { apply: () => 'waiting' },
    waits: { event: 'timer' },
  },
  {
    name: 'waits-between-batches',
    plan: mending({ actions: [{ ...action!, batches: { size: 1, everyMs: 600_000 } }] }),
    answers: {},
    waits: { event: 'timer' },
  },
  {
    name: 'waits-between-actions',
    plan: mending({
      actions: [
        { ...action!, wait: { ...remedy('mend').verify } },
        { ...action!, id: '1-sql.update' },
      ],
    }),
    answers: { held: 'never' },
    waits: { event: 'activity', type: 'poll' },
  },
  {
    name: 'waits-verifying',
    plan: plan(),
    answers: { held: 'never' },
    waits: { event: 'activity', type: 'poll' },
  },
  {
    name: 'waits-to-look-again',
    plan: lookingAgain(600_000),
    answers: { check: () => things(a) },
    waits: { event: 'timer' },
  },
  {
    name: 'escalated-after-looking-again',
    plan: lookingAgain(100),
    answers: { check: () => things(a) },
    outcome: 'escalated',
  },
  {
    name: 'escalated-after-looks-by-activities',
    plan: lookingAgain(100),
    answers: { check: () => things(a) },
    outcome: 'escalated',
  },
  { name: 'resolved', plan: plan(), answers: {}, outcome: 'resolved' },
  {
    name: 'resolved-in-two-rounds-after-signals',
    plan: plan(),
    answers: {
      resolveGate: (call) => (call <= 2 ? open : call === 3 ? { state: 'approved', targets: ['a'] } : approved),
      check: (place) => (place.startsWith('r1/') ? things(a, b) : place.startsWith('r2/after') ? things() : things(b)),
    },
    signals: 2,
    outcome: 'resolved',
  },
  {
    name: 'resolved-after-reads-by-activities',
    plan: plan(),
    answers: { gateNow: open, resolveGate: (call) => (call === 1 ? open : approved) },
    signals: 2,
    outcome: 'resolved',
  },
  {
    name: 'resolved-without-a-read-of-the-gate',
    plan: plan(),
    answers: { gateNow: approved },
    outcome: 'resolved',
  },
  {
    name: 'resolved-after-stale-recheck',
    plan: withSlowChecks(plan()),
    answers: { apply: (_, call) => (call === 1 ? 'stale' : 'applied') },
    outcome: 'resolved',
  },
  {
    name: 'resolved-when-the-database-was-away',
    plan: plan(),
    answers: { resolveGate: (call) => (call <= 3 ? 'error' : approved) },
    outcome: 'resolved',
  },
  {
    name: 'resolved-when-a-person-said-done',
    plan: mending({ actions: [{ ...action!, id: '0-manual', kind: 'manual', timeoutMs: 600_000 }] }),
    answers: { apply: (_, call) => (call === 1 ? 'waiting' : 'applied') },
    signals: 1,
    outcome: 'resolved',
  },
  { name: 'cleared', plan: plan(), answers: { check: () => things() }, outcome: 'cleared' },
  {
    name: 'no-action',
    plan: plan({ causes: [{ ...plan().causes[0]!, then: { end: 'no-action' } }], remedies: {} }),
    answers: {},
    outcome: 'no-action',
  },
  {
    name: 'declined-after-the-next-cause',
    plan: plan(),
    answers: { resolveGate: (call) => ({ state: 'rejected', nextCause: call === 1, by: 'lead' }) },
    outcome: 'declined',
  },
  {
    name: 'expired',
    plan: plan(),
    answers: { resolveGate: () => ({ state: 'expired', why: 'twice unanswered' }) },
    outcome: 'expired',
  },
  { name: 'escalated', plan: plan(), answers: { held: false, check: () => things(a, b) }, outcome: 'escalated' },
  {
    name: 'escalated-unknown-effect',
    plan: plan(),
    answers: { apply: (target) => (target === 'b' ? 'unknown' : 'refused') },
    outcome: 'escalated',
  },
  {
    name: 'escalated-after-a-declined-step',
    plan: {
      ...mending({ actions: [{ ...action!, id: '0-manual', kind: 'manual', access: 'person' }] }),
      causes: [plan().causes[0]!],
    },
    answers: { check: () => things(a), apply: () => 'skipped' },
    outcome: 'escalated',
  },
  {
    name: 'handed-off',
    plan: plan({
      causes: [{ ...plan().causes[0]!, then: { end: 'handoff', incident: 'other', inputs: { n: { lit: 1 } } } }],
      remedies: {},
    }),
    answers: {},
    outcome: 'handed-off',
  },
  {
    name: 'failed',
    // The compiler refuses such a plan; the interpreter still has to end the incident.
    plan: plan({ causes: plan().causes.map((cause) => ({ ...cause, then: { remedy: 'missing' } })) }),
    answers: {},
    outcome: 'failed',
  },
  {
    name: 'cancelled-while-applying',
    plan: plan(),
    answers: { apply: (target) => (target === 'b' ? 'stopped' : 'applied') },
    outcome: 'cancelled',
  },
]

/** Activities that return the results of a case, without a database or a diagnosed system. */
export function activitiesOf({ answers }: HistoryCase): DiagnoseActivities & RemediateActivities {
  let resolved = 0
  let applies = 0
  let applied = false
  const found = (place: string): ReturnType<typeof things> | 'failed' | 'never' =>
    answers.check ? answers.check(place, applied) : applied ? things() : things(a, b)
  const at = '2026-01-01T00:00:00.000Z'
  return {
    runChecks: async (_, requests) => {
      const results = requests.map((request) => ({ request, result: found(request.place) }))
      if (results.some(({ result }) => result === 'never')) await untilWorkerStops()
      return results.map(({ request, result }): Evidence => {
        const { place, name, kind } = request
        const about = { place, name, kind, ref: '0'.repeat(64), truncated: false, startedAt: at, durationMs: 1 }
        return typeof result === 'string'
          ? { ...about, status: 'failed', error: 'refused' }
          : { ...about, status: 'ok', result: result as unknown as { [key: string]: Json } }
      })
    },
    propose: async (_, draft) => ({
      opened: true,
      gate: draft.gate,
      proposalDigest: '0'.repeat(64),
      ...(answers.gateNow === undefined ? {} : { gateNow: answers.gateNow }),
    }),
    resolveGate: async (gate) => {
      resolved += 1
      const answer = answers.resolveGate?.(resolved, gate) ?? approved
      if (answer === 'error') throw ApplicationFailure.retryable('the database is unreachable')
      return answer
    },
    poll: async () => {
      if (answers.held === 'never') await untilWorkerStops()
      return { held: answers.held !== false, cancelled: false, detail: 'sampled', tookMs: 1 }
    },
    record: async () => ({ at }),
    escalate: async () => {},
    handOff: async () => ({ incident: 'INC-2' }),
    close: async (_, { outcome, reason }) => ({ outcome, reason }),
    detect: async () => ({ symptom: false, did: 'symptom not present' }),
    apply: async ({ gate, action: id, target }) => {
      applies += 1
      const answer = answers.apply?.(target, applies) ?? 'applied'
      if (answer === 'never') await untilWorkerStops()
      if (answer === 'stale') return { stale: 'older than a minute' }
      if (answer === 'stopped') return { stopped: 'cancelled by lead' }
      if (answer === 'waiting') return { waiting: 'turn the key' }
      applied = true
      return { effect: { gate, action: id, target, result: answer as EffectResult, detail: 'as the case says' } }
    },
  }
}

async function untilWorkerStops(): Promise<void> {
  await sleep('1 hour')
}
