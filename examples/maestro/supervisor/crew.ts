import { MaestroError } from '../errors.ts'
import type { JsonLog } from '../json-log.ts'
import type { KeptProcess, ProcessStatus } from './keep-process.ts'

export interface CrewOptions {
  /** No worker looks for stalled jobs, as with BullMQ's option of that name. */
  skipStalledCheck: boolean
}

export const DRAIN_MS = 8000
const MOST_WORKERS = 32

/** The workers: an absolute number of them is held. Callers take turns; two changes at once would count wrongly. */
export class Crew {
  readonly #makeWorker: (name: string) => KeptProcess
  readonly #log: JsonLog
  readonly #workers: KeptProcess[] = []
  #held = 0
  #options: CrewOptions = { skipStalledCheck: false }

  constructor(makeWorker: (name: string) => KeptProcess, log: JsonLog) {
    this.#makeWorker = makeWorker
    this.#log = log
  }

  get held(): number {
    return this.#held
  }

  get options(): CrewOptions {
    return this.#options
  }

  status(): ProcessStatus[] {
    return this.#workers.slice(0, this.#held).map((worker) => worker.status())
  }

  /** Starts what is missing, drains what is too many: `worker-1` to `worker-<count>` are left. */
  async scale(count: number): Promise<void> {
    if (!Number.isInteger(count) || count < 0 || count > MOST_WORKERS) {
      throw new MaestroError('usage', `${count} workers: the number must be a whole one from 0 to ${MOST_WORKERS}`)
    }
    this.#log.info('workers.scaled', { from: this.#held, to: count })
    while (this.#workers.length < count) this.#workers.push(this.#makeWorker(`worker-${this.#workers.length + 1}`))
    const surplus = this.#workers.slice(count)
    this.#held = count
    await Promise.all([
      ...this.#workers.slice(0, count).map((worker) => worker.start(this.#environment())),
      ...surplus.map((worker) => worker.stop(DRAIN_MS)),
    ])
  }

  /** Drains every worker and starts as many again, with these options from now on. */
  async restart(options: CrewOptions = this.#options): Promise<void> {
    const count = this.#held
    this.#options = options
    await Promise.all(this.#workers.map((worker) => worker.stop(DRAIN_MS)))
    await this.scale(count)
  }

  /** SIGKILL for the named workers, or for all; they are started again unless none is to be held any more. */
  async kill(names: string[] | undefined, holdNone: boolean): Promise<void> {
    const victims = this.#workers.slice(0, this.#held).filter((worker) => names?.includes(worker.status().name) ?? true)
    if (holdNone) this.#held = 0
    this.#log.warn('workers.killed', { workers: victims.map((worker) => worker.status().name).join(' ') })
    await Promise.all(victims.map((worker) => worker.kill(holdNone)))
  }

  async stop(): Promise<void> {
    this.#held = 0
    await Promise.all(this.#workers.map((worker) => worker.stop(DRAIN_MS)))
  }

  #environment(): Record<string, string> {
    return this.#options.skipStalledCheck ? { MAESTRO_SKIP_STALLED_CHECK: '1' } : {}
  }
}
