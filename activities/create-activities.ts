import { activityInfo, cancellationSignal, heartbeat, sleep } from '@temporalio/activity'
import { ApplicationFailure, TemporalFailure } from '@temporalio/common'
import { scrubSecrets } from '../src/config/secret.ts'
import type { GateResolution } from '../src/core/decision.ts'
import type { DetectAnswer, DetectRequest } from '../src/core/detection.ts'
import { isRunbookError, messageOf, type ErrorCode, type RunbookError } from '../src/core/errors.ts'
import { incidentOfGate, type Outcome } from '../src/core/incident.ts'
import type { Evidence } from '../src/core/evidence.ts'
import type { JsonObject } from '../src/core/json.ts'
import { closeIncident } from '../src/history/close.ts'
import type {
  ApplyAnswer,
  ApplyRequest,
  CheckRequest,
  ClosingRequest,
  Escalation,
  PollAnswer,
  PollRequest,
  Proposed,
  ProposalDraft,
} from '../src/interpreter/host.ts'
import { apply } from './apply.ts'
import { authorizeCaller, currentCaller, type Caller } from './authority/caller.ts'
import { expectApply } from './authority/expect-apply.ts'
import { expectChecks } from './authority/expect-checks.ts'
import { expectClosing } from './authority/expect-closing.ts'
import { expectDraft } from './authority/expect-draft.ts'
import { expectEscalation } from './authority/expect-escalation.ts'
import { expectHandOff } from './authority/expect-hand-off.ts'
import { expectPoll } from './authority/expect-poll.ts'
import type { ActivityDependencies } from './dependencies.ts'
import { escalate } from './escalate.ts'
import { poll, type PollTimes } from './poll.ts'
import { propose } from './propose.ts'
import { recordFinding } from './record-finding.ts'
import { runChecks } from './run-checks.ts'
import { resolveGate } from './resolve-gate.ts'

/** The activities that read or record. They run on the task queue `…-diagnose`. */
export interface DiagnoseActivities {
  runChecks(incident: string, requests: CheckRequest[]): Promise<Evidence[]>
  propose(incident: string, draft: ProposalDraft): Promise<Proposed>
  resolveGate(gate: string, tokens: string[]): Promise<GateResolution>
  poll(incident: string, request: PollRequest): Promise<PollAnswer>
  record(incident: string, place: string, kind: string, data: JsonObject): Promise<{ at: string }>
  escalate(incident: string, escalation: Escalation): Promise<void>
  handOff(incident: string, type: string, inputs: JsonObject): Promise<{ incident: string }>
  close(incident: string, closing: ClosingRequest): Promise<{ outcome: Outcome; reason: string }>
  detect(request: DetectRequest): Promise<DetectAnswer>
}

/**
 * The activities that apply effects. They run on the task queue `…-remediate`, so that only some workers need write
 * credentials.
 */
export interface RemediateActivities {
  apply(request: ApplyRequest): Promise<ApplyAnswer>
}

/**
 * Creates the activities. Each activity works only for the workflow run that the engine started for the incident, and does only what
 * follows from the incident's plan and the evidence that the engine stored. The arguments of a call are not trusted; they are compared with
 * these. Only tests pass another `caller`.
 */
export function createDiagnoseActivities(
  dependencies: ActivityDependencies,
  caller: () => Caller = currentCaller,
): DiagnoseActivities {
  const { database } = dependencies
  const authorize = (incident: string) => authorizeCaller(database, incident, caller())
  return mapFailures({
    runChecks: (incident, requests) =>
      withHeartbeat({}, async () => {
        await expectChecks(database, await authorize(incident), requests)
        const { isLocal, attempt } = activityInfo()
        return runChecks(dependencies, incident, requests, !isLocal || attempt > 1)
      }),
    propose: (incident, draft) =>
      withHeartbeat({}, async () => {
        await expectDraft(database, await authorize(incident), draft)
        return propose(dependencies, incident, draft, cancellationSignal(), activityInfo().attempt > 1)
      }),
    resolveGate: async (gate, tokens) => {
      await authorize(incidentOfGate(gate))
      return resolveGate(dependencies, gate, tokens)
    },
    poll: (incident, request) => {
      const times: PollTimes = { waitedMs: 0, ...(activityInfo().heartbeatDetails as PollTimes | undefined) }
      return withHeartbeat(times, async () => {
        await expectPoll(database, await authorize(incident), request)
        return poll(dependencies, incident, request, { times, sleep })
      })
    },
    record: async (incident, place, kind, data) =>
      recordFinding(database, await authorize(incident), place, kind, data),
    escalate: (incident, escalation) =>
      withHeartbeat({}, async () => {
        expectEscalation(await authorize(incident), escalation)
        return escalate(dependencies, incident, escalation)
      }),
    handOff: async (incident, type, inputs) => {
      await expectHandOff(database, await authorize(incident), type, inputs)
      return dependencies.openIncident(type, inputs, `handoff:${incident}`, incident)
    },
    close: async (incident, closing) => {
      await expectClosing(database, await authorize(incident), closing)
      const unsettled =
        closing.outcome === 'failed' ? { unsettled: 'the incident failed before the effect was recorded' } : {}
      const { outcome, reason } = await closeIncident(database, { incident, ...closing, ...unsettled })
      return { outcome, reason }
    },
    // This activity belongs to no incident. Samples that people start by hand count only once per interval.
    detect: (request) => withHeartbeat({}, () => dependencies.detect(request)),
  })
}

export function createRemediateActivities(
  dependencies: ActivityDependencies,
  caller: () => Caller = currentCaller,
): RemediateActivities {
  return mapFailures({
    apply: (request) =>
      withHeartbeat({}, async () => {
        const { database } = dependencies
        await expectApply(database, await authorizeCaller(database, incidentOfGate(request.gate), caller()), request)
        return apply(dependencies, request, activityInfo().attempt > 1)
      }),
  })
}

/** A third of the heartbeat timeout in workflows/incident.ts. */
const HEARTBEAT_INTERVAL_MS = 5_000

/**
 * Sends heartbeats while `work` runs, so that Temporal can distinguish long work from a dead worker. Local activities have no heartbeats.
 */
async function withHeartbeat<T>(details: object, work: () => Promise<T>): Promise<T> {
  if (activityInfo().isLocal) return work()
  heartbeat(details)
  const timer = setInterval(() => heartbeat(details), HEARTBEAT_INTERVAL_MS)
  try {
    return await work()
  } finally {
    clearInterval(timer)
  }
}

/**
 * Codes of errors that a retry cannot fix. All other errors are retried, such as those of a restarting database or a
 * broken network.
 */
const NOT_RETRYABLE: ReadonlySet<ErrorCode> = new Set([
  'RUNBOOK_BAD_INPUT',
  'RUNBOOK_CONFIG',
  'RUNBOOK_INVALID_RUNBOOK',
  'RUNBOOK_UNKNOWN_INCIDENT_TYPE',
  'RUNBOOK_NOT_FOUND',
  'RUNBOOK_NOT_ALLOWED',
  'RUNBOOK_REFUSED',
])

/** SQLSTATE classes of errors in the data itself: an invalid value, a violated constraint, an exceeded limit. */
const DATA_ERROR = /^(22|23|54)...$/

/** An error may say when to try again (`detail.retryAfterMs`); otherwise Temporal waits longer after each attempt. */
function failureOf(error: RunbookError): ApplicationFailure {
  const { retryAfterMs } = error.detail
  return ApplicationFailure.create({
    message: scrubSecrets(error.message),
    type: error.code,
    nonRetryable: NOT_RETRYABLE.has(error.code),
    ...(typeof retryAfterMs === 'number' ? { nextRetryDelay: retryAfterMs } : {}),
  })
}

/**
 * Converts the engine's errors to Temporal failures. Only the message is passed on, because the cause of an error may hold data that must
 * not be stored.
 */
function mapFailures<T extends object>(activities: T): T {
  const mapped = Object.entries(activities).map(([name, run]) => {
    const wrapped = async (...args: unknown[]) => {
      try {
        return await (run as (...parameters: unknown[]) => Promise<unknown>)(...args)
      } catch (error) {
        if (isRunbookError(error)) throw failureOf(error)
        const { code } = error as { code?: unknown }
        if (typeof code === 'string' && DATA_ERROR.test(code))
          throw ApplicationFailure.nonRetryable(
            `the database rejected the data: ${scrubSecrets(messageOf(error))}`,
            code,
          )
        if (error instanceof TemporalFailure || (error instanceof Error && error.name === 'AbortError')) throw error
        throw ApplicationFailure.create({ message: scrubSecrets(messageOf(error)), type: 'Error' })
      }
    }
    return [name, wrapped]
  })
  return Object.fromEntries(mapped) as T
}
