import { spawn, type ChildProcess } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import type { JsonLog } from '../json-log.ts'
import { lastJobOf } from './last-job.ts'

export interface ProcessPlan {
  name: string
  /** Node options, then the file. */
  argv: string[]
  env: Record<string, string>
  /** Gets what the process writes by itself, such as V8's last words. */
  outputFile: string
  /** The process's own log, for its last job. */
  logFile: string
}

export interface ProcessStatus {
  name: string
  pid: number | null
  state: 'starting' | 'ready' | 'stopped'
  /** How often it ended by itself since it was told to start. */
  crashes: number
}

const FIRST_BACKOFF_MS = 200
const MOST_BACKOFF_MS = 2000
const STABLE_MS = 10_000
const READY_WITHIN_MS = 20_000
const CRASHES_BEFORE_READY = 3

/** One process that is started again whenever it ends by itself. */
export class KeptProcess {
  readonly #plan: ProcessPlan
  readonly #log: JsonLog
  #env: Record<string, string>
  #child: ChildProcess | undefined
  #wanted = false
  #isReady = false
  #crashes = 0
  #backoffMs = FIRST_BACKOFF_MS
  #respawn: NodeJS.Timeout | undefined
  /** Settled by the first start since it was wanted. */
  #start = { ready: Promise.resolve(), succeed: () => {}, fail: (error: Error): void => void error }

  constructor(plan: ProcessPlan, log: JsonLog) {
    this.#plan = plan
    this.#log = log
    this.#env = plan.env
  }

  status(): ProcessStatus {
    return {
      name: this.#plan.name,
      pid: this.#child?.pid ?? null,
      state: this.#isReady ? 'ready' : this.#wanted ? 'starting' : 'stopped',
      crashes: this.#crashes,
    }
  }

  /** Resolves when the process says that it is ready. `env` is added to the plan's. */
  async start(env: Record<string, string> = {}): Promise<void> {
    this.#env = { ...this.#plan.env, ...env }
    if (!this.#wanted) {
      this.#wanted = true
      this.#crashes = 0
      this.#backoffMs = FIRST_BACKOFF_MS
      const ready = new Promise<void>((succeed, fail) => (this.#start = { ...this.#start, succeed, fail }))
      this.#start.ready = ready
      this.#launch()
    }
    const late = setTimeout(() => {
      this.#start.fail(new Error(`${this.#plan.name} was not ready within ${READY_WITHIN_MS / 1000} s`))
    }, READY_WITHIN_MS)
    await this.#start.ready.finally(() => clearTimeout(late))
  }

  /** SIGTERM, and SIGKILL when it has not ended within `drainMs`. */
  async stop(drainMs: number): Promise<void> {
    this.#forget()
    const gone = this.#ended()
    this.#child?.kill('SIGTERM')
    const late = setTimeout(() => this.#child?.kill('SIGKILL'), drainMs)
    await gone.finally(() => clearTimeout(late))
  }

  /** SIGKILL; it is started again unless `forGood`. */
  async kill(forGood: boolean): Promise<void> {
    if (forGood) this.#forget()
    const gone = this.#ended()
    this.#child?.kill('SIGKILL')
    await gone
  }

  #launch(): void {
    const startedAt = Date.now()
    const output = openSync(this.#plan.outputFile, 'a', 0o600)
    const child = spawn(process.execPath, this.#plan.argv, {
      // A process group of its own: Ctrl-C is for the supervisor, which stops the others in order.
      detached: true,
      env: this.#env,
      stdio: ['ignore', output, output, 'ipc'],
    })
    closeSync(output)
    this.#child = child
    child.on('message', () => {
      this.#isReady = true
      this.#start.succeed()
    })
    child.on('error', (error) => this.#log.error('process.error', { name: this.#plan.name, error: error.message }))
    child.on('exit', (code, signal) => {
      this.#child = undefined
      this.#isReady = false
      if (this.#wanted) this.#startAgain({ died: child.pid, code, signal }, Date.now() - startedAt)
    })
  }

  #startAgain(end: { died: number | undefined; code: number | null; signal: string | null }, livedMs: number): void {
    this.#crashes += 1
    if (livedMs > STABLE_MS) this.#backoffMs = FIRST_BACKOFF_MS
    const { name, outputFile, logFile } = this.#plan
    const last_job = lastJobOf(logFile, end.died)
    this.#log.error('process.crashed', { name, ...end, last_job, crashes: this.#crashes, again_ms: this.#backoffMs })
    if (this.#crashes >= CRASHES_BEFORE_READY) {
      this.#start.fail(new Error(`${name} ends again and again: ${lastError(outputFile)} (${outputFile})`))
    }
    this.#respawn = setTimeout(() => this.#launch(), this.#backoffMs)
    this.#backoffMs = Math.min(this.#backoffMs * 2, MOST_BACKOFF_MS)
  }

  #forget(): void {
    this.#wanted = false
    clearTimeout(this.#respawn)
  }

  #ended(): Promise<void> {
    const child = this.#child
    return child ? new Promise((done) => child.once('exit', () => done())) : Promise.resolve()
  }
}

function lastError(file: string): string {
  const lines = readFileSync(file, 'utf8').split('\n')
  return lines.findLast((line) => /error/i.test(line))?.trim() ?? 'it says nothing'
}
