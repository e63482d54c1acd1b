import { NativeConnection, Runtime, Worker, type WorkerOptions } from '@temporalio/worker'
import type { ActivityDependencies } from '../../activities/dependencies.ts'
import { createDiagnoseActivities, createRemediateActivities } from '../../activities/create-activities.ts'
import type { Current } from '../core/current.ts'
import { builtBundle } from './bundle.ts'
import type { Temporal } from './connect.ts'
import { diagnoseQueue, remediateQueue } from './names.ts'

export type Role = 'diagnose' | 'remediate'

export interface RunningWorker {
  /** Resolves when the worker has stopped; rejects when it failed. */
  finished: Promise<void>
  /** Stops the worker gracefully: running activities get the grace time. */
  stop(): Promise<void>
}

/** Options of a worker that runs workflows. */
export const WORKFLOW_WORKER = {
  /** How many workflows are kept in memory between tasks; the others are replayed when needed. */
  maxCachedWorkflows: 150,
  reuseV8Context: true,
  /**
   * A local activity keeps its workflow task open. Samples that wait for a slow system hold at most 30 of these places
   * (src/engine/detection/sample-slots.ts); the SDK's default of 40 would leave few for incidents.
   */
  maxConcurrentWorkflowTaskExecutions: 80,
  /** How long the workflows of a killed worker wait for that worker before other workers take them. */
  stickyQueueScheduleToStartTimeout: '1s',
  /**
   * How long the workflow's code may run for one task; the SDK's default is 5 s of wall-clock time. When this time is over, Node ends
   * the whole process ("async hook stack has become corrupted"), and the next worker that takes the task ends too. On a busy machine, a
   * workflow with 10,000 signals needs more than 5 s. The interpreter limits its own steps, so it does not need a short limit.
   * The SDK reads this option but does not list it in its type.
   */
  isolateExecutionTimeout: '1m',
} as const

/** Options of a worker that runs activities. */
export const ACTIVITY_WORKER = {
  /**
   * The maximum time between two heartbeats. By default the SDK sends a heartbeat only after 0.8 of the heartbeat timeout, so that a short
   * delay would make the worker seem dead.
   */
  maxHeartbeatThrottleInterval: '2s',
} as const

/**
 * Starts the workers of the given roles in this process: `diagnose` runs workflows and reads, `remediate` runs effects. Each activity
 * uses the dependencies that are current when it begins.
 */
export async function startWorker(
  temporal: Temporal,
  taskQueue: string,
  roles: Role[],
  dependencies: Pick<Current<ActivityDependencies>, 'value' | 'use'>,
): Promise<RunningWorker> {
  const connection = await NativeConnection.connect(temporal.options)
  const common: Omit<WorkerOptions, 'taskQueue'> = {
    connection,
    namespace: temporal.namespace,
    shutdownGraceTime: '10s',
    shutdownForceTime: '15s',
    ...ACTIVITY_WORKER,
  }
  const workers = await Promise.all(
    roles.map((role) =>
      role === 'diagnose'
        ? Worker.create({
            ...common,
            taskQueue: diagnoseQueue(taskQueue),
            workflowBundle: builtBundle(),
            activities: withCurrent(dependencies, createDiagnoseActivities),
            ...WORKFLOW_WORKER,
          })
        : Worker.create({
            ...common,
            taskQueue: remediateQueue(taskQueue),
            activities: withCurrent(dependencies, createRemediateActivities),
          }),
    ),
  )
  const runs = workers.map((worker) => worker.run())
  const finished = Promise.all(runs).then(
    () => undefined,
    (error: unknown) => {
      stopAll(workers)
      throw error
    },
  )
  return {
    finished,
    async stop() {
      stopAll(workers)
      await finished.catch(() => {})
      await connection.close().catch(() => {})
    },
  }
}

type Activities = Record<string, (...parameters: never[]) => Promise<unknown>>

function withCurrent<T extends object>(
  dependencies: Pick<Current<ActivityDependencies>, 'value' | 'use'>,
  create: (dependencies: ActivityDependencies) => T,
): Activities {
  const names = Object.keys(create(dependencies.value))
  const activity =
    (name: string) =>
    (...parameters: never[]) =>
      dependencies.use((current) => (create(current) as Activities)[name]!(...parameters))
  return Object.fromEntries(names.map((name) => [name, activity(name)]))
}

function stopAll(workers: Worker[]): void {
  for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown()
}

/**
 * Sends the SDK's log lines of this level to stderr, and leaves process signals to the caller. Call it before the first worker is created.
 */
export function installRuntime(level: 'ERROR' | 'WARN' | 'INFO' | 'DEBUG'): void {
  Runtime.install({ logger: new StderrLogger(level), shutdownSignals: [] })
}

const LEVELS = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR']

class StderrLogger {
  readonly #minimum: number
  constructor(level: string) {
    this.#minimum = LEVELS.indexOf(level)
  }
  log(level: string, message: string, meta?: Record<string, unknown>): void {
    if (LEVELS.indexOf(level) < this.#minimum) return
    const error = meta?.error instanceof Error ? `: ${meta.error.message}` : ''
    process.stderr.write(`temporal ${level.toLowerCase()}: ${message}${error}\n`)
  }
  trace(message: string, meta?: Record<string, unknown>): void {
    this.log('TRACE', message, meta)
  }
  debug(message: string, meta?: Record<string, unknown>): void {
    this.log('DEBUG', message, meta)
  }
  info(message: string, meta?: Record<string, unknown>): void {
    this.log('INFO', message, meta)
  }
  warn(message: string, meta?: Record<string, unknown>): void {
    this.log('WARN', message, meta)
  }
  error(message: string, meta?: Record<string, unknown>): void {
    this.log('ERROR', message, meta)
  }
}
