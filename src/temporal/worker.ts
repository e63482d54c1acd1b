import { NativeConnection, Runtime, Worker, type WorkerOptions } from '@temporalio/worker'
import type { ActivityDependencies } from '../../activities/dependencies.ts'
import { createDiagnoseActivities, createRemediateActivities } from '../../activities/create-activities.ts'
import { builtBundle } from './bundle.ts'
import type { Temporal } from './connect.ts'
import { diagnoseQueue, remediateQueue } from './names.ts'

export type Role = 'diagnose' | 'remediate'

export interface RunningWorker {
  /** Resolves when the worker has stopped; rejects when it could not go on. */
  finished: Promise<void>
  /** Ends it gracefully: running activities get the grace time. */
  stop(): Promise<void>
}

/** Of a worker that runs workflows. */
export const WORKFLOW_WORKER = {
  /** So many are kept in memory between tasks; beyond it they are replayed when needed. */
  maxCachedWorkflows: 150,
  reuseV8Context: true,
  /** After a worker was killed its workflows wait this long for it before others take them. */
  stickyQueueScheduleToStartTimeout: '1s',
} as const

/** Starts the workers of the given roles in this process: `diagnose` runs workflows and reads, `remediate` runs effects. */
export async function startWorker(
  temporal: Temporal,
  taskQueue: string,
  roles: Role[],
  dependencies: ActivityDependencies,
): Promise<RunningWorker> {
  const connection = await NativeConnection.connect(temporal.options)
  const common: Omit<WorkerOptions, 'taskQueue'> = {
    connection,
    namespace: temporal.namespace,
    shutdownGraceTime: '10s',
    shutdownForceTime: '15s',
  }
  const workers = await Promise.all(
    roles.map((role) =>
      role === 'diagnose'
        ? Worker.create({
            ...common,
            taskQueue: diagnoseQueue(taskQueue),
            workflowBundle: builtBundle(),
            activities: createDiagnoseActivities(dependencies),
            ...WORKFLOW_WORKER,
          })
        : Worker.create({
            ...common,
            taskQueue: remediateQueue(taskQueue),
            activities: createRemediateActivities(dependencies),
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

function stopAll(workers: Worker[]): void {
  for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown()
}

/** Before the first worker: the SDK's own log lines go to stderr at this level, and signals are left to our process. */
export function installRuntime(level: 'ERROR' | 'WARN' | 'INFO' | 'DEBUG'): void {
  Runtime.install({ logger: new StderrLogger(level), shutdownSignals: [] })
}

const LEVELS = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR']

class StderrLogger {
  readonly #least: number
  constructor(level: string) {
    this.#least = LEVELS.indexOf(level)
  }
  log(level: string, message: string, meta?: Record<string, unknown>): void {
    if (LEVELS.indexOf(level) < this.#least) return
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
