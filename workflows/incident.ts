import {
  ApplicationFailure,
  condition,
  isCancellation,
  log,
  proxyActivities,
  proxyLocalActivities,
  setCurrentDetails,
  setHandler,
  sleep,
  TerminatedFailure,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow'
import type { DiagnoseActivities, RemediateActivities } from '../activities/create-activities.ts'
import type { IncidentStart } from '../src/core/incident.ts'
import { IR_VERSION, type Plan } from '../src/core/plan.ts'
import type { CheckRequest, Host } from '../src/interpreter/host.ts'
import { runIncident } from '../src/interpreter/run-incident.ts'
import { decisionSignal, ringSignal } from './messages.ts'

/** Up to this timeout a check runs as a local activity, which costs one marker instead of three events and a task. */
const LOCAL_CHECK_MS = 5_000
const RETRY = { initialInterval: '200ms', backoffCoefficient: 2, maximumInterval: '5s' } as const

/** Recording and settling: short, and tried until the engine's database answers. */
const short = proxyLocalActivities<DiagnoseActivities>({ startToCloseTimeout: '20s', retry: RETRY })

/**
 * The workflow of every incident, of type `runbook.<name>`: it lends the interpreter its activities, timers and signals, and decides
 * nothing itself. Registered as the default, so that each runbook has a workflow type of its own.
 */
export default async function incident(plan: Plan, start: IncidentStart): Promise<{ outcome: string; reason: string }> {
  const { workflowType } = workflowInfo()
  if (plan.irVersion !== IR_VERSION || workflowType !== `runbook.${plan.runbook}`)
    throw ApplicationFailure.nonRetryable(
      `this worker runs plans of version ${IR_VERSION}; it was given version ${plan.irVersion} of ${plan.runbook} as ${workflowType}`,
      'RUNBOOK_INVALID_RUNBOOK',
    )
  const { outcome, reason } = await runIncident(plan, start, workflowHost(plan, start))
  return { outcome, reason }
}

function workflowHost(plan: Plan, start: IncidentStart): Host {
  const { incident: id } = start
  const bell = listen()
  return {
    runChecks: (requests) => runWave(id, requests),
    propose: (draft) => {
      const { title, targets } = draft
      return normal('90s', `propose: ${title} (${targets.length} targets)`).propose(id, draft)
    },
    settle: (gate) => short.settle(gate, bell.letters()),
    waitForRing: (ms) => bell.rungWithin(ms),
    apply: (request) => remediate(request.timeoutMs, `${request.action} on ${request.target}`).apply(request),
    poll: (request) =>
      polling(request.withinMs + request.holdsMs, `watch ${request.checks.map((check) => check.name).join(', ')}`).poll(
        id,
        request,
      ),
    record: (place, kind, data) => short.record(id, place, kind, data),
    escalate: (escalation) => normal('60s', `escalate to ${escalation.to.join(', ')}`, 5).escalate(id, escalation),
    handOff: (type, inputs) => normal('30s', `hand off to ${type}`).handOff(id, type, inputs),
    close: async (closing) => {
      await short.close(id, closing)
      upsertSearchAttributes({ RunbookOutcome: [closing.outcome] })
    },
    sleep: (ms) => sleep(ms),
    isFatal: (error) => isCancellation(error) || error instanceof TerminatedFailure,
    tell: (status) => {
      log.debug(status)
      setCurrentDetails(`**${plan.title}**\n\n${status}`)
    },
  }
}

/** Handlers are registered before the first await, so that no signal is lost. */
function listen() {
  let rings = 0
  let heard = 0
  const waiting: string[] = []
  setHandler(decisionSignal, (token) => {
    waiting.push(token)
    rings += 1
  })
  setHandler(ringSignal, () => {
    rings += 1
  })
  return {
    /** The tokens that came; given again until they are taken, because settling them twice is settling them once. */
    letters(): string[] {
      heard = rings
      return waiting.splice(0)
    },
    async rungWithin(ms: number): Promise<void> {
      await condition(() => rings > heard, ms)
      heard = rings
    },
  }
}

/** Short checks go together as one local activity, which stores them in one transaction; each long one is an activity of its own. */
async function runWave(id: string, requests: CheckRequest[]) {
  const isShort = (request: CheckRequest) => request.timeoutMs <= LOCAL_CHECK_MS || request.unavailable !== undefined
  const brief = requests.filter(isShort)
  const long = requests.filter((request) => !isShort(request))
  const [together, ...apart] = await Promise.all([
    brief.length > 0 ? briefly(brief).runChecks(id, brief) : [],
    ...long.map((request) =>
      normal(timeOf(request), `check ${request.name} (${request.kind})`).runChecks(id, [request]),
    ),
  ])
  const found = new Map([...together, ...apart.flat()].map((evidence) => [evidence.place, evidence]))
  return requests.map((request) => found.get(request.place)!)
}

function timeOf(request: CheckRequest): number {
  return request.timeoutMs * (request.retries + 1) + 15_000
}

function briefly(requests: CheckRequest[]) {
  return proxyLocalActivities<DiagnoseActivities>({
    startToCloseTimeout: Math.max(...requests.map(timeOf)),
    retry: RETRY,
    summary: `checks: ${requests.map((request) => request.name).join(', ')}`,
  })
}

function normal(startToCloseTimeout: number | '30s' | '60s' | '90s', summary: string, maximumAttempts?: number) {
  return proxyActivities<DiagnoseActivities>({
    startToCloseTimeout,
    retry: { ...RETRY, ...(maximumAttempts ? { maximumAttempts } : {}) },
    summary,
  })
}

/** One activity polls for as long as it takes; its heartbeat tells within seconds that its worker died. */
function polling(ms: number, summary: string) {
  return proxyActivities<DiagnoseActivities>({
    startToCloseTimeout: ms * 2 + 60_000,
    heartbeatTimeout: '15s',
    retry: RETRY,
    summary,
  })
}

function remediate(timeoutMs: number, summary: string) {
  return proxyActivities<RemediateActivities>({
    taskQueue: workflowInfo().taskQueue.replace(/-diagnose$/, '-remediate'),
    startToCloseTimeout: timeoutMs + 15_000,
    retry: RETRY,
    summary,
  })
}
