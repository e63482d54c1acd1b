import {
  ActivityFailure,
  ApplicationFailure,
  condition,
  isCancellation,
  proxyActivities,
  proxyLocalActivities,
  rootCause,
  setCurrentDetails,
  setHandler,
  TemporalFailure,
  TerminatedFailure,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow'
import type { DiagnoseActivities, RemediateActivities } from '../activities/create-activities.ts'
import type { IncidentStart } from '../src/core/incident.ts'
import { IR_VERSION, type Plan } from '../src/core/plan.ts'
import type { CheckRequest, Host } from '../src/interpreter/host.ts'
import { runIncident } from '../src/interpreter/run-incident.ts'
import { decisionSignal, wakeSignal } from './messages.ts'

/** Up to this timeout a check runs as a local activity, which costs one marker instead of three events and a task. */
const LOCAL_CHECK_MS = 5_000
const RETRY = { initialInterval: '200ms', backoffCoefficient: 2, maximumInterval: '5s' } as const
/** A local activity that is tried again keeps its workflow task open, which costs history: after so many tries it becomes a normal one. */
const LOCAL_RETRY = { ...RETRY, maximumAttempts: 3 } as const

/** Recording and settling. */
const brief = proxyLocalActivities<DiagnoseActivities>({
  startToCloseTimeout: '10s',
  scheduleToCloseTimeout: '15s',
  retry: LOCAL_RETRY,
})

/**
 * The workflow of every incident, of type `runbook.<name>`: it lends the interpreter its activities, timers and signals, and decides
 * nothing itself. Registered as the default, so that each runbook has a workflow type of its own.
 */
export default async function incident(plan: Plan, start: IncidentStart): Promise<{ outcome: string; reason: string }> {
  const { workflowType } = workflowInfo()
  if (plan.irVersion !== IR_VERSION || workflowType !== `runbook.${plan.name}`)
    throw ApplicationFailure.nonRetryable(
      `this worker runs plans of version ${IR_VERSION}; it was given version ${plan.irVersion} of ${plan.name} as ${workflowType}`,
      'RUNBOOK_INVALID_RUNBOOK',
    )
  const host = workflowHost(plan, start)
  try {
    const { outcome, reason } = await runIncident(plan, start, host)
    // What stands in the history: somebody else may have closed it before.
    return host.stored() ?? { outcome, reason }
  } catch (error) {
    // Any other error would fail the workflow's task, again and again, instead of the workflow.
    if (error instanceof TemporalFailure) throw error
    throw ApplicationFailure.nonRetryable(error instanceof Error ? error.message : String(error))
  }
}

function workflowHost(plan: Plan, start: IncidentStart): Host & { stored(): Closed | undefined } {
  const { incident: id } = start
  const signals = listen()
  let stored: Closed | undefined
  return {
    stored: () => stored,
    runChecks: (requests) => runWave(id, requests),
    propose: (draft) => {
      const { title, targets } = draft
      return unwrapFailure(
        withHeartbeatTimeout('90s', `propose: ${title} (${targets.length} targets)`).propose(id, draft),
      )
    },
    resolveGate: (gate) => {
      const tokens = signals.takeTokens()
      return localThenRemote(`resolve ${gate}`, (activities) => activities.resolveGate(gate, tokens))
    },
    waitForSignal: (ms) => signals.waitForSignal(ms),
    apply: (request) =>
      unwrapFailure(remediate(request.timeoutMs, `${request.action} on ${request.target}`).apply(request)),
    poll: (request) => {
      const names = request.checks.map((check) => check.name).join(', ')
      return unwrapFailure(polling(request.withinMs + request.holdsMs, `watch ${names}`).poll(id, request))
    },
    record: ({ place, kind, data }) =>
      localThenRemote(`record ${place}`, (activities) => activities.record(id, place, kind, data)),
    escalate: (escalation) =>
      unwrapFailure(withHeartbeatTimeout('60s', `escalate to ${escalation.to.join(', ')}`).escalate(id, escalation)),
    handOff: (type, inputs) => unwrapFailure(normal('30s', `hand off to ${type}`).handOff(id, type, inputs)),
    close: async (closing) => {
      stored = await localThenRemote('close', (activities) => activities.close(id, closing))
      upsertSearchAttributes({ RunbookOutcome: [stored.outcome] })
    },
    clock: () => Date.now(),
    isFatal: (error) => isCancellation(error) || error instanceof TerminatedFailure,
    setStatus: (status) => setCurrentDetails(`**${plan.title}**\n\n${status}`),
  }
}

/** Handlers are registered before the first await, so that no signal is lost. */
function listen() {
  let received = 0
  let handled = 0
  const waiting: string[] = []
  setHandler(decisionSignal, (token) => {
    waiting.push(token)
    received += 1
  })
  setHandler(wakeSignal, () => {
    received += 1
  })
  return {
    /** The tokens that came since the last call. */
    takeTokens(): string[] {
      handled = received
      return waiting.splice(0)
    },
    async waitForSignal(ms: number): Promise<boolean> {
      const signalled = await condition(() => received > handled, ms)
      handled = received
      return signalled
    },
  }
}

type Closed = Awaited<ReturnType<DiagnoseActivities['close']>>

/** An activity's error is told by what went wrong in it: Temporal's own says only that an activity failed. */
async function unwrapFailure<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer
  } catch (error) {
    if (isCancellation(error) || !(error instanceof ActivityFailure)) throw error
    throw ApplicationFailure.nonRetryable(`${error.activityType}: ${rootCause(error) ?? error.message}`)
  }
}

/**
 * As a local activity; where the engine's database does not answer at once, as a normal one, which waits for it outside of the
 * workflow's history, however long it takes.
 */
async function localThenRemote<T>(
  summary: string,
  ask: (activities: DiagnoseActivities) => Promise<T>,
  local: DiagnoseActivities = brief,
  patience: number | '30s' = '30s',
): Promise<T> {
  try {
    return await ask(local)
  } catch (error) {
    const final =
      error instanceof ActivityFailure && error.cause instanceof ApplicationFailure && error.cause.nonRetryable
    return unwrapFailure(
      isCancellation(error) || final ? Promise.reject(error as Error) : ask(normal(patience, summary)),
    )
  }
}

/** Short checks go together as one local activity, which stores them in one transaction; each long one is an activity of its own. */
async function runWave(id: string, requests: CheckRequest[]) {
  const isShort = (request: CheckRequest) => request.timeoutMs <= LOCAL_CHECK_MS || request.unavailable !== undefined
  const short = requests.filter(isShort)
  const long = requests.filter((request) => !isShort(request))
  // The usual case; every promise less is a stack trace less that the sandbox keeps of it.
  if (long.length === 0) return runTogether(id, short)
  const [together, ...apart] = await Promise.all([
    short.length > 0 ? runTogether(id, short) : [],
    ...long.map((request) =>
      unwrapFailure(
        withHeartbeatTimeout(timeOf(request), `check ${request.name} (${request.kind})`).runChecks(id, [request]),
      ),
    ),
  ])
  const found = new Map([...together, ...apart.flat()].map((evidence) => [evidence.place, evidence]))
  return requests.map((request) => found.get(request.place)!)
}

function timeOf(request: CheckRequest): number {
  return request.timeoutMs * (request.retries + 1) + 15_000
}

function runTogether(id: string, requests: CheckRequest[]) {
  const startToCloseTimeout = Math.max(...requests.map(timeOf))
  const summary = `checks: ${requests.map((request) => request.name).join(', ')}`
  const local = proxyLocalActivities<DiagnoseActivities>({ startToCloseTimeout, retry: LOCAL_RETRY, summary })
  return localThenRemote(summary, (activities) => activities.runChecks(id, requests), local, startToCloseTimeout)
}

function normal(startToCloseTimeout: number | '30s', summary: string) {
  return proxyActivities<DiagnoseActivities>({ startToCloseTimeout, retry: RETRY, summary })
}

/** What may take longer than a dead worker should go unnoticed: it is missed when it was not handled of for so long. */
const SILENCE = '15s'

function withHeartbeatTimeout(startToCloseTimeout: number | '60s' | '90s', summary: string) {
  return proxyActivities<DiagnoseActivities>({ startToCloseTimeout, heartbeatTimeout: SILENCE, retry: RETRY, summary })
}

/** One activity polls for as long as it takes. */
function polling(ms: number, summary: string) {
  return withHeartbeatTimeout(ms * 2 + 60_000, summary)
}

function remediate(timeoutMs: number, summary: string) {
  return proxyActivities<RemediateActivities>({
    taskQueue: workflowInfo().taskQueue.replace(/-diagnose$/, '-remediate'),
    startToCloseTimeout: timeoutMs + 15_000,
    // Twice as patient: of what a command does, a second attempt can only say that it may have been done.
    heartbeatTimeout: '30s',
    retry: RETRY,
    summary,
  })
}
