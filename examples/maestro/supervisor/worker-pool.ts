import { MaestroError } from '../errors.ts'
import type { JsonLog } from '../json-log.ts'
import type { SupervisedProcess, ProcessStatus } from './supervised-process.ts'

export interface WorkerPoolOptions {
  /** If true, no worker checks for stalled jobs (BullMQ's `skipStalledCheck`). */
  skipStalledCheck: boolean
}

export const DRAIN_TIMEOUT_MS = 8000
const MAX_WORKERS = 32

/** Keeps a given number of workers running. Callers must not run two changes at the same time, or the count would be wrong. */
export class WorkerPool {
  readonly #makeWorker: (name: string) => SupervisedProcess
  readonly #log: JsonLog
  readonly #workers: SupervisedProcess[] = []
  #targetCount = 0
  #options: WorkerPoolOptions = { skipStalledCheck: false }

  constructor(makeWorker: (name: string) => SupervisedProcess, log: JsonLog) {
    this.#makeWorker = makeWorker
    this.#log = log
  }

  get targetCount(): number {
    return this.#targetCount
  }

  get options(): WorkerPoolOptions {
    return this.#options
  }

  status(): ProcessStatus[] {
    return this.#workers.slice(0, this.#targetCount).map((worker) => worker.status())
  }

  /** Starts or drains workers so that `worker-1` to `worker-<count>` run. */
  async scale(count: number): Promise<void> {
    if (!Number.isInteger(count) || count < 0 || count > MAX_WORKERS) {
      throw new MaestroError('usage', `cannot scale to ${count} workers: use a whole number from 0 to ${MAX_WORKERS}`)
    }
    this.#log.info('workers.scaled', { from: this.#targetCount, to: count })
    while (this.#workers.length < count) this.#workers.push(this.#makeWorker(`worker-${this.#workers.length + 1}`))
    const surplus = this.#workers.slice(count)
    this.#targetCount = count
    await Promise.all([
      ...this.#workers.slice(0, count).map((worker) => worker.start(this.#environment())),
      ...surplus.map((worker) => worker.stop(DRAIN_TIMEOUT_MS)),
    ])
  }

  /** Drains every worker and starts the same number with these options. */
  async restart(options: WorkerPoolOptions = this.#options): Promise<void> {
    const count = this.#targetCount
    this.#options = options
    await Promise.all(this.#workers.map((worker) => worker.stop(DRAIN_TIMEOUT_MS)))
    await this.scale(count)
  }

  /** Kills the named workers, or all, with SIGKILL. They are restarted unless `scaleToZero` is true. */
  async kill(names: string[] | undefined, scaleToZero: boolean): Promise<void> {
    const victims = this.#workers
      .slice(0, this.#targetCount)
      .filter((worker) => names?.includes(worker.status().name) ?? true)
    if (scaleToZero) this.#targetCount = 0
    this.#log.warn('workers.killed', { workers: victims.map((worker) => worker.status().name).join(' ') })
    await Promise.all(victims.map((worker) => worker.kill({ restart: !scaleToZero })))
  }

  async stop(): Promise<void> {
    this.#targetCount = 0
    await Promise.all(this.#workers.map((worker) => worker.stop(DRAIN_TIMEOUT_MS)))
  }

  #environment(): Record<string, string> {
    return this.#options.skipStalledCheck ? { MAESTRO_SKIP_STALLED_CHECK: '1' } : {}
  }
}
