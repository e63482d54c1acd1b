import {
  ActivityFailure,
  ApplicationFailure,
  isCancellation,
  patched,
  proxyActivities,
  proxyLocalActivities,
  rootCause,
  setCurrentDetails,
  TemporalFailure,
  TerminatedFailure,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow'
import type { DiagnoseActivities, RemediateActivities } from '../activities/create-activities.ts'
import type { IncidentStart } from '../src/core/incident.ts'
import { IR_VERSION, type Plan } from '../src/core/plan.ts'
import type { CheckRequest, Host } from '../src/interpreter/host.ts'
import { parseCheckPlace } from '../src/core/place.ts'
import { INCIDENT_CANCELLED, IncidentCancelled } from '../src/interpreter/incident-cancelled.ts'
import { longestPollMs } from '../src/interpreter/poll.ts'
import { runIncident } from '../src/interpreter/run-incident.ts'
import { handleSignals } from './signals.ts'

/** The bundle contains this workflow besides the default workflow, which is the workflow of every incident. */
export { detect } from './detect.ts'

/** Checks with at most this timeout run as a local activity: the history then has one marker instead of three events and a workflow task. */
const MAX_LOCAL_CHECK_TIMEOUT_MS = 5_000
const RETRY = { initialInterval: '200ms', backoffCoefficient: 2, maximumInterval: '5s' } as const
/**
 * How often a local activity is tried. A local activity that is retried keeps its workflow task open, which adds events to the history.
 * After these tries a normal activity is used.
 */
const LOCAL_RETRY = { ...RETRY, maximumAttempts: 3 } as const

/** The local activities. They record events and resolve gates. */
const localActivities = proxyLocalActivities<DiagnoseActivities>({
  startToCloseTimeout: '10s',
  scheduleToCloseTimeout: '15s',
  retry: LOCAL_RETRY,
})

/**
 * The workflow of every incident, of type `runbook.<name>`. It gives the interpreter activities, timers and signals, and decides nothing
 * itself. Registered as the default workflow, so that each runbook has its own workflow type.
 */
export default async function incident(plan: Plan, start: IncidentStart): Promise<{ outcome: string; reason: string }> {
  const { workflowType } = workflowInfo()
  if (plan.irVersion !== IR_VERSION || workflowType !== `runbook.${plan.name}`)
    throw ApplicationFailure.nonRetryable(
      `this worker runs plans of version ${IR_VERSION} as runbook.<name>; it received a plan of version ${plan.irVersion} named ${plan.name} as ${workflowType}`,
      'RUNBOOK_INVALID_RUNBOOK',
    )
  const host = workflowHost(plan, start)
  try {
    const { outcome, reason } = await runIncident(plan, start, host)
    // The stored closing is returned, because the reconciler or a person may have closed the incident earlier.
    return host.storedClosing() ?? { outcome, reason }
  } catch (error) {
    // Any other error would fail the workflow task, which Temporal retries forever, instead of the workflow.
    if (error instanceof TemporalFailure) throw error
    throw ApplicationFailure.nonRetryable(error instanceof Error ? error.message : String(error))
  }
}

function workflowHost(plan: Plan, start: IncidentStart): Host & { storedClosing(): Closed | undefined } {
  const { incident: id } = start
  const signals = handleSignals()
  let closed: Closed | undefined
  return {
    storedClosing: () => closed,
    runChecks: (requests) => runWave(id, requests, !(requests.some(isLook) && avoidsLocal())),
    propose: (draft) => {
      const { title, targets } = draft
      return unwrapFailure(
        withHeartbeatTimeout('90s', `propose: ${title} (${targets.length} targets)`).propose(id, draft),
      )
    },
    resolveGate: (gate) => {
      const tokens = signals.takeTokens()
      const resolve = (activities: DiagnoseActivities) => activities.resolveGate(gate, tokens)
      const summary = `resolve ${gate}`
      return avoidsLocal() ? unwrapFailure(resolve(normal('30s', summary))) : localThenRemote(summary, resolve)
    },
    waitForSignal: (ms) => signals.waitForSignal(ms),
    apply: (request) =>
      unwrapFailure(remediate(request.timeoutMs, `${request.action} on ${request.target}`).apply(request)),
    poll: (request) => {
      const names = request.checks.map((check) => check.name).join(', ')
      return unwrapFailure(
        withHeartbeatTimeout(longestPollMs(request) + POLL_GRACE_MS, `poll ${names}`).poll(id, request),
      )
    },
    record: ({ place, kind, data }) => {
      const record = (activities: DiagnoseActivities) => activities.record(id, place, kind, data)
      const summary = `record ${place}`
      return kind === 'again' && avoidsLocal()
        ? unwrapFailure(record(normal('30s', summary)))
        : localThenRemote(summary, record)
    },
    escalate: (escalation) =>
      unwrapFailure(withHeartbeatTimeout('60s', `escalate to ${escalation.to.join(', ')}`).escalate(id, escalation)),
    handOff: (type, inputs) => unwrapFailure(normal('30s', `hand off to ${type}`).handOff(id, type, inputs)),
    close: async (closing) => {
      closed = await localThenRemote('close', (activities) => activities.close(id, closing))
      // A workflow task that sets an attribute which the namespace does not have would fail again and again.
      if ('RunbookIncidentType' in workflowInfo().searchAttributes)
        upsertSearchAttributes({ RunbookOutcome: [closed.outcome] })
    },
    clock: () => Date.now(),
    isFatal: (error) => isCancellation(error) || error instanceof TerminatedFailure,
    includes: (change) => patched(change),
    setStatus: (status) => {
      const dropped = signals.dropped()
      const note =
        dropped > 0
          ? `\n\n${dropped} decision signals were dropped: they held no signed token, or too many signals were waiting`
          : ''
      setCurrentDetails(`**${plan.title}**\n\n${status}${note}`)
    },
  }
}

/**
 * Whether steps directly before or after a wait for a signal are normal activities. A local activity keeps its workflow task open. Temporal
 * fails a task during which a hundred signals arrive, and the SDK then stores results of local activities that a replay, which gets the
 * signals earlier, does not start, so that the incident would never continue. Incidents that an older version started keep their steps.
 */
function avoidsLocal(): boolean {
  return patched('no-local-activities-next-to-signals')
}

/** Whether the check runs after a pause that a signal may have ended. */
function isLook({ place }: CheckRequest): boolean {
  const stage = parseCheckPlace(place)?.stage
  return stage?.at === 'diagnose' && stage.look !== undefined
}

type Closed = Awaited<ReturnType<DiagnoseActivities['close']>>

/** Replaces Temporal's general activity error by one with the message of its cause. */
async function unwrapFailure<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer
  } catch (error) {
    if (isCancellation(error) || !(error instanceof ActivityFailure)) throw error
    const { cause } = error
    if (cause instanceof ApplicationFailure && cause.type === INCIDENT_CANCELLED)
      throw new IncidentCancelled(cause.message)
    throw ApplicationFailure.nonRetryable(`${error.activityType}: ${rootCause(error) ?? error.message}`)
  }
}

/**
 * Runs a local activity; if it fails after its retries, for example because the engine's database is unreachable, runs a normal activity
 * instead, which retries without adding events to the workflow's history.
 */
async function localThenRemote<T>(
  summary: string,
  run: (activities: DiagnoseActivities) => Promise<T>,
  local: DiagnoseActivities = localActivities,
  remoteTimeout: number | '30s' = '30s',
): Promise<T> {
  try {
    return await run(local)
  } catch (error) {
    const final =
      error instanceof ActivityFailure && error.cause instanceof ApplicationFailure && error.cause.nonRetryable
    return unwrapFailure(
      isCancellation(error) || final ? Promise.reject(error as Error) : run(normal(remoteTimeout, summary)),
    )
  }
}

/** Short checks run together in one activity, which stores them in one transaction; each long check is a separate activity. */
async function runWave(id: string, requests: CheckRequest[], mayBeLocal: boolean) {
  const isShort = (request: CheckRequest) =>
    request.timeoutMs <= MAX_LOCAL_CHECK_TIMEOUT_MS || request.unavailable !== undefined
  const short = requests.filter(isShort)
  const long = requests.filter((request) => !isShort(request))
  // The usual case avoids Promise.all, because the sandbox keeps a stack trace for every promise.
  if (long.length === 0) return runTogether(id, short, mayBeLocal)
  const [shortResults, ...longResults] = await Promise.all([
    short.length > 0 ? runTogether(id, short, mayBeLocal) : [],
    ...long.map((request) =>
      unwrapFailure(
        withHeartbeatTimeout(totalTimeout(request), `check ${request.name} (${request.kind})`).runChecks(id, [request]),
      ),
    ),
  ])
  const found = new Map([...shortResults, ...longResults.flat()].map((evidence) => [evidence.place, evidence]))
  return requests.map((request) => found.get(request.place)!)
}

function totalTimeout(request: CheckRequest): number {
  return request.timeoutMs * (request.retries + 1) + 15_000
}

function runTogether(id: string, requests: CheckRequest[], mayBeLocal: boolean) {
  const startToCloseTimeout = Math.max(...requests.map(totalTimeout))
  const summary = `checks: ${requests.map((request) => request.name).join(', ')}`
  const run = (activities: DiagnoseActivities) => activities.runChecks(id, requests)
  if (!mayBeLocal) return unwrapFailure(run(normal(startToCloseTimeout, summary)))
  const local = proxyLocalActivities<DiagnoseActivities>({ startToCloseTimeout, retry: LOCAL_RETRY, summary })
  return localThenRemote(summary, run, local, startToCloseTimeout)
}

function normal(startToCloseTimeout: number | '30s', summary: string) {
  return proxyActivities<DiagnoseActivities>({ startToCloseTimeout, retry: RETRY, summary })
}

/**
 * The options of the activity for everything that a poll does besides sampling: recording events, and waiting for a connection of this
 * process.
 */
const POLL_GRACE_MS = 60_000

/** Without a heartbeat for this long, Temporal assumes that the worker is dead and retries the activity. */
const HEARTBEAT_TIMEOUT = '15s'

function withHeartbeatTimeout(startToCloseTimeout: number | '60s' | '90s', summary: string) {
  return proxyActivities<DiagnoseActivities>({
    startToCloseTimeout,
    heartbeatTimeout: HEARTBEAT_TIMEOUT,
    retry: RETRY,
    summary,
  })
}

function remediate(timeoutMs: number, summary: string) {
  return proxyActivities<RemediateActivities>({
    taskQueue: workflowInfo().taskQueue.replace(/-diagnose$/, '-remediate'),
    startToCloseTimeout: timeoutMs + 15_000,
    // This heartbeat timeout is twice as long as usual, because a second attempt at a command could only record the outcome of the command
    // as unknown.
    heartbeatTimeout: '30s',
    retry: RETRY,
    summary,
  })
}
