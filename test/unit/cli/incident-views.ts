import type { Finding } from '../../../src/core/incident.ts'
import type { Proposal, ProposedAction } from '../../../src/core/proposal.ts'
import type { CheckView, GateView, IncidentView, RoundView } from '../../../src/engine/views/view-types.ts'

const DIGEST = '3f9ac01b22d4e7d0a1b2c3d4e5f60718293a4b5c6d7e8f90123456789abcdef0'

/** 03:12:40, two minutes and three seconds after the incident below was opened. */
export const NOW = Date.parse('2026-03-14T03:12:40.000Z')

const check = (name: string, kind: string, rows: number | null, other: Partial<CheckView> = {}): CheckView => ({
  name,
  kind,
  status: 'ok',
  rows,
  truncated: false,
  error: null,
  durationMs: 12,
  ref: DIGEST,
  ...other,
})

const finding = (cause: string, holds: Finding['holds'], because = 'its condition does not hold'): Finding => ({
  cause,
  title: `Title of ${cause}`,
  holds,
  because,
})

function failRun(run: string): ProposedAction {
  const before = { id: run, status: 'RUNNING', updated_at: '2026-03-14 02:09:11.123456+00', failure_reason: null }
  const where = `WHERE id = '${run}' AND status = 'RUNNING' AND updated_at = '${before.updated_at}'`
  return {
    id: '0-sql.update',
    kind: 'sql.update',
    access: 'write',
    target: run,
    with: {
      connection: 'maestro-db',
      table: 'runs',
      where: { id: run, status: 'RUNNING', updated_at: before.updated_at },
      set: { status: 'FAILED', failure_reason: 'Stalled' },
    },
    preview: {
      summary: `UPDATE runs SET status = 'FAILED', failure_reason = 'Stalled' ${where}`,
      rows: [{ before, after: { ...before, status: 'FAILED', failure_reason: 'Stalled' } }],
      count: 1,
      undo: `UPDATE runs SET status = 'RUNNING', failure_reason = NULL WHERE id = '${run}' AND status = 'FAILED'`,
    },
  }
}

function proposalFor(runs: string[]): Proposal {
  return {
    gate: 'INC-142.r1',
    incident: 'INC-142',
    round: 1,
    planDigest: DIGEST,
    remedy: 'fail-stalled-runs',
    title: 'Mark the stalled runs FAILED, so that recovery restarts them',
    risk: 'medium',
    cause: 'stalled-nobody-checks',
    because: `${runs.length} runs hold a job without a lock while 2 workers are up`,
    actions: runs.map(failRun),
    targets: runs.map((key) => ({ key, lock: `run/${key}`, item: { id: key } })),
    affected: runs.length,
    limits: { maxTargets: 20, perHour: 60, cooldownMs: 300_000 },
    approval: {
      auto: false,
      by: ['oncall'],
      count: 1,
      excludeRequester: false,
      validForMs: 900_000,
      onTimeout: 'escalate',
      escalateTo: ['platform-support'],
      inPart: true,
    },
    proposedAt: '2026-03-14T03:10:40.000000Z',
    expiresAt: '2026-03-14T03:25:40.000000Z',
  }
}

function gateFor(proposal: Proposal, other: Partial<GateView> = {}): GateView {
  return {
    id: proposal.gate,
    proposalDigest: DIGEST,
    state: 'open',
    openedAt: '2026-03-14T03:10:40.000Z',
    expiresAt: '2026-03-14T03:25:40.000Z',
    validUntil: null,
    required: 1,
    groups: ['oncall'],
    auto: false,
    why: null,
    decisions: [],
    obstacles: [],
    proposal,
    ...other,
  }
}

const CHECKS = [
  check('stuckRuns', 'sql.query', 3),
  check('jobs', 'bullmq.jobs', 3),
  check('queue', 'bullmq.queue', null),
  check('blockers', 'sql.query', 0),
  check('redis', 'redis.info', null),
  check('runLogs', 'logs.search', null, { status: 'timeout', error: 'no answer within 5s' }),
]

const CAUSES = [
  finding('queue-paused', false),
  finding('workers-killed', false),
  finding('redis-out-of-memory', false),
  finding('blocked-in-postgres', false, 'nothing is affected'),
  finding('enqueue-lost', false, 'nothing is affected'),
  finding('stalled-nobody-checks', true, '3 runs hold a job without a lock while 2 workers are up, and nobody checks'),
  finding('hung-await', 'undetermined', 'check runLogs timed out'),
  finding('event-loop-blocked', false),
  finding('slow-but-progressing', false, 'nothing is affected'),
]

export function roundAtGate(runs = ['run-7', 'run-8', 'run-9'], gate: Partial<GateView> = {}): RoundView {
  return {
    round: 1,
    checks: CHECKS,
    looks: 1,
    causes: CAUSES,
    remedy: 'fail-stalled-runs',
    gate: gateFor(proposalFor(runs), gate),
    targets: runs.map((key) => ({ key, state: 'proposed', why: null })),
    effects: [],
    verified: null,
    unverifiable: false,
  }
}

/** INC-142 with its first proposal open. */
export function atItsGate(other: Partial<IncidentView> = {}): IncidentView {
  return {
    id: 'INC-142',
    type: 'stuck-run',
    runbook: 'stuck-runs',
    waitsFor: [],
    manualSteps: [],
    undelivered: [],
    children: [],
    planDigest: DIGEST,
    key: 'stuck-run/',
    inputs: { run: null, threshold: '1h' },
    state: 'deciding',
    outcome: null,
    reason: null,
    requester: 'person:operator',
    parent: null,
    occurrences: 1,
    workflowId: 'INC-142/1f0c9a3e/5b7d90c1e2f34a68',
    openedAt: '2026-03-14T03:10:37.000Z',
    acknowledgedAt: null,
    acknowledgedBy: null,
    claimedBy: null,
    cancelling: false,
    closedAt: null,
    rounds: [roundAtGate()],
    alerts: [],
    controls: [],
    ...other,
  }
}

/** The same incident, resolved in its second round. */
export function resolved(): IncidentView {
  const decisions: GateView['decisions'] = [
    {
      person: 'operator',
      decision: 'approve',
      targets: null,
      comment: 'as last week',
      nextCause: false,
      breakGlass: null,
      at: '2026-03-14T03:12:50.000Z',
      withdrawn: false,
    },
  ]
  const first: RoundView = {
    ...roundAtGate(['run-7'], { state: 'approved', decisions }),
    targets: [{ key: 'run-7', state: 'applied', why: null }],
    verified: false,
  }
  const second = roundAtGate(['run-7', 'run-8', 'run-9'], { id: 'INC-142.r2', state: 'approved', decisions })
  const effect = (target: string) => ({
    action: '0-sql.update',
    target,
    result: 'applied' as const,
    detail: '1 row of runs',
    at: '2026-03-14T03:12:51.000Z',
  })
  return atItsGate({
    state: 'closed',
    outcome: 'resolved',
    reason: 'fail-stalled-runs was applied to 2 targets and verified; the symptom is gone',
    closedAt: '2026-03-14T03:14:00.000Z',
    acknowledgedAt: '2026-03-14T03:12:00.000Z',
    acknowledgedBy: 'operator',
    rounds: [
      first,
      {
        ...second,
        round: 2,
        targets: [
          { key: 'run-7', state: 'applied', why: null },
          { key: 'run-8', state: 'applied', why: null },
          { key: 'run-9', state: 'skipped', why: 'no longer affected' },
        ],
        effects: [effect('run-7'), effect('run-8')],
        verified: true,
      },
    ],
  })
}
