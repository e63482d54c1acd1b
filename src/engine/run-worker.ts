import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ActivityDependencies } from '../../activities/dependencies.ts'
import type { Current } from '../core/current.ts'
import { digest } from '../core/canonical.ts'
import { messageOf } from '../core/errors.ts'
import type { JsonObject } from '../core/json.ts'
import { IR_VERSION } from '../core/plan.ts'
import { notifyChannel } from '../channels/send.ts'
import { whyUnreachable } from '../config/channels.ts'
import { forgetOldWorkers, REPORT_INTERVAL_MS, reportWorker } from '../history/workers.ts'
import { countedStalls, logStalls } from '../targets/stalls.ts'
import { startWorker, type Role } from '../temporal/worker.ts'
import { detect } from './detection/detect.ts'
import { detectorsKeeper } from './detection/keep-detectors.ts'
import { deliverMessages } from './messages/deliver.ts'
import type { Engine } from './engine.ts'
import { decidersOf } from './people.ts'
import { reconcile } from './reconcile.ts'
import { trigger } from './trigger.ts'

export interface EngineWorker {
  finished: Promise<void>
  stop(): Promise<void>
}

const REPEAT_INTERVAL_MS = 2_000

/** Runs incidents in this process until it is stopped. The reconciler, the delivery of messages and detection run in it too. */
export async function runWorker(
  engine: Current<Engine>,
  roles: Role[],
  log: (line: string) => void,
): Promise<EngineWorker> {
  logStalls((line) => log(`worker: ${line}`))
  const { temporal, config } = engine.value
  const worker = await startWorker(temporal, config.temporal.taskQueue, roles, currentDependencies(engine))
  const stopped = new AbortController()
  const { signal } = stopped
  const keepDetectors = detectorsKeeper()
  // These loops are independent of each other, because a channel that does not answer must not delay the reconciler, which carries on
  // decisions.
  const repeated = roles.includes('diagnose')
    ? [
        repeat('reconciler', () => engine.use((current) => reconcileOnce(current, log)), log, signal),
        repeat('delivery of messages', () => engine.use(deliverMessages), log, signal),
        repeat('schedules of detection', () => engine.use(keepDetectors), log, signal),
      ]
    : []
  const reporting = keepReporting(engine, roles, signal)
  return {
    finished: worker.finished,
    async stop() {
      stopped.abort()
      await worker.stop()
      await Promise.all([...repeated, reporting])
    },
  }
}

/** Each activity uses the dependencies that were current when it began, except for the rules of its permit. */
export function currentDependencies(engine: Current<Engine>): Pick<Current<ActivityDependencies>, 'value' | 'use'> {
  const rulesNow = () => activityDependencies(engine.value)
  return {
    value: activityDependencies(engine.value),
    use: (call) => engine.use((current) => call({ ...activityDependencies(current), rulesNow })),
  }
}

export function activityDependencies(engine: Engine): ActivityDependencies {
  const { database, targets, keyring, config } = engine
  return {
    ...decidersOf(engine),
    database,
    targets,
    keyring,
    auto: config.auto,
    requesterMayApprove: config.requesterMayApprove,
    waitWhileDownMs: config.waitWhileDownMs,
    notify: (channel, message) => notifyChannel(config, channel, message),
    whyUnreachable: (name) => whyUnreachable(config, name),
    detect: (request) => detect(engine, request),
    openIncident: (type, inputs, requester, parent) =>
      trigger(engine, { type, inputs, requester, parent, idempotencyKey: handOffKey(parent, type, inputs) }),
  }
}

/**
 * The idempotency key of a handoff: when the activity is repeated, it finds the incident that it opened. The keys of
 * HTTP requests begin with a person's name and a colon, so they differ from these keys.
 */
function handOffKey(parent: string, type: string, inputs: JsonObject): string {
  return `handoff ${parent} ${digest({ type, inputs })}`
}

/** Stores every few seconds that this worker runs, and how often it stood still. */
async function keepReporting(engine: Current<Engine>, roles: Role[], signal: AbortSignal): Promise<void> {
  const identity = `${process.pid}@${hostname()}`
  const id = `${identity}/${randomUUID()}`
  const { database } = engine.value
  await forgetOldWorkers(database).catch(() => {})
  const report = async (signingKeys: string[] | null) => {
    // A failure is not logged here: the reconciler and the activities report that the database does not answer.
    await reportWorker(database, { id, identity, irVersion: IR_VERSION, signingKeys, stalls: countedStalls() }).catch(
      () => {},
    )
  }
  while (!signal.aborted) {
    await report(roles.includes('remediate') ? engine.value.keyring.engineKeys : null)
    await sleep(REPORT_INTERVAL_MS, undefined, { signal }).catch(() => {})
  }
  // A worker that ends accepts no more decisions, so the doctor need not compare its keys.
  await report(null)
}

async function reconcileOnce(engine: Engine, log: (line: string) => void): Promise<void> {
  const { started, closed } = await reconcile(engine)
  if (started.length > 0) log(`reconciler: started ${started.join(', ')}`)
  if (closed.length > 0) log(`reconciler: closed ${closed.join(', ')}: the workflow had ended`)
}

/** Repeats the work until the process stops. Logs an outage once, and its end once. */
async function repeat(
  name: string,
  work: () => Promise<void>,
  log: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  let failing = false
  while (!signal.aborted) {
    try {
      await work()
      if (failing) log(`${name}: recovered`)
      failing = false
    } catch (error) {
      if (!failing) log(`${name} failed, retrying: ${messageOf(error)}`)
      failing = true
    }
    // Jitter, so that several processes do not work at the same moment.
    await sleep(REPEAT_INTERVAL_MS * (0.75 + Math.random() / 2), undefined, { signal }).catch(() => {})
  }
}
