import { activityInfo, cancellationSignal, heartbeat, sleep } from '@temporalio/activity'
import { ApplicationFailure, TemporalFailure } from '@temporalio/common'
import { scrubSecrets } from '../src/config/secret.ts'
import type { GateResolution } from '../src/core/decision.ts'
import { isRunbookError, messageOf, RunbookError, type ErrorCode } from '../src/core/errors.ts'
import type { Outcome } from '../src/core/incident.ts'
import type { Evidence } from '../src/core/evidence.ts'
import type { JsonObject } from '../src/core/json.ts'
import { readEventBody } from '../src/core/parse-event.ts'
import { recordVerdict } from '../src/gate/breaker.ts'
import { closeIncident } from '../src/history/close.ts'
import { recordEvents } from '../src/history/record.ts'
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
import type { ActivityDependencies } from './dependencies.ts'
import { escalate } from './escalate.ts'
import { poll } from './poll.ts'
import { propose } from './propose.ts'
import { runChecks } from './run-checks.ts'
import { resolveGate } from './resolve-gate.ts'

/** Reads and recording: on the task queue `…-diagnose`. */
export interface DiagnoseActivities {
  runChecks(incident: string, requests: CheckRequest[]): Promise<Evidence[]>
  propose(incident: string, draft: ProposalDraft): Promise<Proposed>
  resolveGate(gate: string, tokens: string[]): Promise<GateResolution>
  poll(incident: string, request: PollRequest): Promise<PollAnswer>
  record(incident: string, place: string, kind: string, data: JsonObject): Promise<{ at: string }>
  escalate(incident: string, escalation: Escalation): Promise<void>
  handOff(incident: string, type: string, inputs: JsonObject): Promise<{ incident: string }>
  close(incident: string, closing: ClosingRequest): Promise<{ outcome: Outcome; reason: string }>
}

/** Effects: on the task queue `…-remediate`, so that only some workers hold write credentials. */
export interface RemediateActivities {
  apply(request: ApplyRequest): Promise<ApplyAnswer>
}

/** A channel that cannot be told is tried so often; then it is recorded, and the incident goes on. */
const ESCALATION_TRIES = 5

export function createDiagnoseActivities(dependencies: ActivityDependencies): DiagnoseActivities {
  const { database } = dependencies
  return mapFailures({
    runChecks: (incident, requests) => withHeartbeat({}, () => runChecks(dependencies, incident, requests)),
    propose: (incident, draft) => withHeartbeat({}, () => propose(dependencies, incident, draft, cancellationSignal())),
    resolveGate: (gate, tokens) => resolveGate(dependencies, gate, tokens),
    poll: (incident, request) => {
      const before = activityInfo().heartbeatDetails as { startedAt?: number } | undefined
      const startedAt = before?.startedAt ?? Date.now()
      return withHeartbeat({ startedAt }, () => poll(dependencies, incident, request, { startedAt, sleep }))
    },
    record: async (incident, place, kind, data) => {
      const event = readEventBody(kind, data)
      if (event.kind === 'unreadable')
        throw new RunbookError(
          'RUNBOOK_BAD_INPUT',
          `the workflow sent an event that this worker does not know: ${kind}`,
        )
      if (event.kind === 'verified') return recordVerdict(database, incident, event.data)
      const [stored] = await recordEvents(database, incident, [{ place, actor: 'engine', ...event }])
      return { at: stored!.at }
    },
    escalate: (incident, escalation) => {
      const { attempt, heartbeatDetails } = activityInfo()
      const told = { ...(heartbeatDetails as Record<string, string> | undefined) }
      return withHeartbeat(told, () =>
        escalate(dependencies, incident, escalation, { told, remember: heartbeat, last: attempt >= ESCALATION_TRIES }),
      )
    },
    handOff: (incident, type, inputs) => dependencies.openIncident(type, inputs, `handoff:${incident}`, incident),
    close: async (incident, closing) => {
      const unsettled = closing.outcome === 'failed' ? { unsettled: 'the incident failed before it was recorded' } : {}
      const { outcome, reason } = await closeIncident(database, { incident, ...closing, ...unsettled })
      return { outcome, reason }
    },
  })
}

export function createRemediateActivities(dependencies: ActivityDependencies): RemediateActivities {
  return mapFailures({ apply: (request) => withHeartbeat({}, () => apply(dependencies, request)) })
}

/** A third of what workflows/incident.ts waits for the next one. */
const BEAT_MS = 5_000

/** Long work must not look like a dead worker, nor a dead worker like long work: one is heard of while it works, the other is not. */
async function withHeartbeat<T>(details: object, work: () => Promise<T>): Promise<T> {
  if (activityInfo().isLocal) return work()
  heartbeat(details)
  const timer = setInterval(() => heartbeat(details), BEAT_MS)
  try {
    return await work()
  } finally {
    clearInterval(timer)
  }
}

/** Errors that another try cannot mend. All others are tried again: a database that restarts, a network that breaks. */
const FINAL: ReadonlySet<ErrorCode> = new Set([
  'RUNBOOK_BAD_INPUT',
  'RUNBOOK_CONFIG',
  'RUNBOOK_INVALID_RUNBOOK',
  'RUNBOOK_UNKNOWN_INCIDENT_TYPE',
  'RUNBOOK_NOT_FOUND',
  'RUNBOOK_NOT_ALLOWED',
  'RUNBOOK_REFUSED',
])

/** PostgreSQL's classes of errors that are the data's: a value it cannot hold, a rule it breaks, something too long. */
const DATA_ERROR = /^(22|23|54)...$/

/** The one mapping of our errors to Temporal's failures. Only the message crosses: a cause could carry what must not be stored. */
function mapFailures<T extends object>(activities: T): T {
  const mapped = Object.entries(activities).map(([name, run]) => {
    const wrapped = async (...given: unknown[]) => {
      try {
        return await (run as (...parameters: unknown[]) => Promise<unknown>)(...given)
      } catch (error) {
        if (isRunbookError(error))
          throw ApplicationFailure.create({
            message: scrubSecrets(error.message),
            type: error.code,
            nonRetryable: FINAL.has(error.code),
          })
        const { code } = error as { code?: unknown }
        if (typeof code === 'string' && DATA_ERROR.test(code))
          throw ApplicationFailure.nonRetryable(`the database refuses it: ${scrubSecrets(messageOf(error))}`, code)
        if (error instanceof TemporalFailure || (error instanceof Error && error.name === 'AbortError')) throw error
        throw ApplicationFailure.create({ message: scrubSecrets(messageOf(error)), type: 'Error' })
      }
    }
    return [name, wrapped]
  })
  return Object.fromEntries(mapped) as T
}
