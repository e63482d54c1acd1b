import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ActivityDependencies } from '../../activities/dependencies.ts'
import { digest } from '../core/canonical.ts'
import { messageOf } from '../core/errors.ts'
import type { JsonObject } from '../core/json.ts'
import { IR_VERSION } from '../core/plan.ts'
import { notifyChannel } from '../targets/notify-channel.ts'
import { forgetOldWorkers, REPORT_INTERVAL_MS, reportWorker } from '../history/workers.ts'
import { countedStalls, logStalls } from '../targets/stalls.ts'
import { startWorker, type Role } from '../temporal/worker.ts'
import type { Engine } from './engine.ts'
import { decidersOf } from './people.ts'
import { reconcile } from './reconcile.ts'
import { trigger } from './trigger.ts'

export interface EngineWorker {
  finished: Promise<void>
  stop(): Promise<void>
}

const RECONCILE_INTERVAL_MS = 2_000

/** Runs incidents in this process until it is stopped, and the reconciler with them. */
export async function runWorker(engine: Engine, roles: Role[], log: (line: string) => void): Promise<EngineWorker> {
  logStalls((line) => log(`worker: ${line}`))
  const worker = await startWorker(
    engine.temporal,
    engine.config.temporal.taskQueue,
    roles,
    activityDependencies(engine),
  )
  const stopped = new AbortController()
  const reconciling = roles.includes('diagnose') ? keepReconciling(engine, log, stopped.signal) : Promise.resolve()
  const reporting = keepReporting(engine, stopped.signal)
  return {
    finished: worker.finished,
    async stop() {
      stopped.abort()
      await worker.stop()
      await Promise.all([reconciling, reporting])
    },
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
    notify: (channel, message) => notifyChannel(config.channels, channel, message),
    openIncident: (type, inputs, requester, parent) =>
      trigger(engine, { type, inputs, requester, parent, idempotencyKey: handOffKey(parent, type, inputs) }),
  }
}

/** A repeated activity finds the incident that it opened. Keys of HTTP requests contain a colon, so this is never one of them. */
function handOffKey(parent: string, type: string, inputs: JsonObject): string {
  return `handoff ${parent} ${digest({ type, inputs })}`
}

/** Stores every few seconds that this worker runs, and how often it stood still. */
async function keepReporting({ database }: Engine, signal: AbortSignal): Promise<void> {
  const identity = `${process.pid}@${hostname()}`
  const id = `${identity}/${randomUUID()}`
  await forgetOldWorkers(database).catch(() => {})
  while (!signal.aborted) {
    // A failure is not logged here: the reconciler and the activities report that the database does not answer.
    await reportWorker(database, { id, identity, irVersion: IR_VERSION, stalls: countedStalls() }).catch(() => {})
    await sleep(REPORT_INTERVAL_MS, undefined, { signal }).catch(() => {})
  }
}

/** Logs an outage once, and its end once. */
async function keepReconciling(engine: Engine, log: (line: string) => void, signal: AbortSignal): Promise<void> {
  let failing = false
  while (!signal.aborted) {
    try {
      const { started, closed } = await reconcile(engine)
      if (failing) log('reconciler: recovered')
      failing = false
      if (started.length > 0) log(`reconciler: started ${started.join(', ')}`)
      if (closed.length > 0) log(`reconciler: closed ${closed.join(', ')}: the workflow had ended`)
    } catch (error) {
      if (!failing) log(`reconciler failed, retrying: ${messageOf(error)}`)
      failing = true
    }
    // Jitter, so that several processes do not reconcile at the same moment.
    await sleep(RECONCILE_INTERVAL_MS * (0.75 + Math.random() / 2), undefined, { signal }).catch(() => {})
  }
}
