import { spawn, type ChildProcess } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import type { JsonLog } from '../json-log.ts'
import { lastJobOf } from './last-job.ts'

export interface ProcessOptions {
  name: string
  /** Node options, followed by the file. */
  argv: string[]
  env: Record<string, string>
  /** Receives stdout and stderr of the process, such as V8's out-of-memory message. */
  outputFile: string
  /** The JSON log of the process; its last job is read from it. */
  logFile: string
}

export interface ProcessStatus {
  name: string
  pid: number | null
  state: 'starting' | 'ready' | 'stopped'
  /** How often it exited unexpectedly since `start`. */
  crashes: number
}

const MIN_BACKOFF_MS = 200
const MAX_BACKOFF_MS = 2000
const STABLE_AFTER_MS = 10_000
const READY_TIMEOUT_MS = 20_000
const CRASHES_BEFORE_READY = 3

/** A process that is restarted whenever it exits unexpectedly. */
export class SupervisedProcess {
  readonly #options: ProcessOptions
  readonly #log: JsonLog
  #env: Record<string, string>
  #child: ChildProcess | undefined
  #shouldRun = false
  #isReady = false
  #crashes = 0
  #backoffMs = MIN_BACKOFF_MS
  #restartTimer: NodeJS.Timeout | undefined
  /** The pending `start`: resolved when the process is ready, rejected when it cannot start. */
  #start = { ready: Promise.resolve(), succeed: () => {}, fail: (error: Error): void => void error }

  constructor(options: ProcessOptions, log: JsonLog) {
    this.#options = options
    this.#log = log
    this.#env = options.env
  }

  status(): ProcessStatus {
    return {
      name: this.#options.name,
      pid: this.#child?.pid ?? null,
      state: this.#isReady ? 'ready' : this.#shouldRun ? 'starting' : 'stopped',
      crashes: this.#crashes,
    }
  }

  /** Resolves when the process reports that it is ready. `env` extends the environment of the options. */
  async start(env: Record<string, string> = {}): Promise<void> {
    this.#env = { ...this.#options.env, ...env }
    if (!this.#shouldRun) {
      this.#shouldRun = true
      this.#crashes = 0
      this.#backoffMs = MIN_BACKOFF_MS
      const ready = new Promise<void>((succeed, fail) => (this.#start = { ...this.#start, succeed, fail }))
      this.#start.ready = ready
      this.#launch()
    }
    const timer = setTimeout(() => {
      this.#start.fail(new Error(`${this.#options.name} was not ready within ${READY_TIMEOUT_MS / 1000} s`))
    }, READY_TIMEOUT_MS)
    await this.#start.ready.finally(() => clearTimeout(timer))
  }

  /** Sends SIGTERM, and SIGKILL if the process has not exited after `drainMs`. */
  async stop(drainMs: number): Promise<void> {
    this.#cancelRestart()
    const exited = this.#waitForExit()
    this.#child?.kill('SIGTERM')
    const timer = setTimeout(() => this.#child?.kill('SIGKILL'), drainMs)
    await exited.finally(() => clearTimeout(timer))
  }

  /** Sends SIGKILL. The supervisor restarts the process unless `restart` is false. */
  async kill({ restart }: { restart: boolean }): Promise<void> {
    if (!restart) this.#cancelRestart()
    const exited = this.#waitForExit()
    this.#child?.kill('SIGKILL')
    await exited
  }

  #launch(): void {
    const startedAt = Date.now()
    const output = openSync(this.#options.outputFile, 'a', 0o600)
    const child = spawn(process.execPath, this.#options.argv, {
      // The process gets its own process group, so that Ctrl-C reaches only the supervisor, which stops the processes in order.
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
    child.on('error', (error) => this.#log.error('process.error', { name: this.#options.name, error: error.message }))
    child.on('exit', (code, signal) => {
      this.#child = undefined
      this.#isReady = false
      if (this.#shouldRun) this.#restart({ died: child.pid, code, signal }, Date.now() - startedAt)
    })
  }

  #restart(end: { died: number | undefined; code: number | null; signal: string | null }, livedMs: number): void {
    this.#crashes += 1
    if (livedMs > STABLE_AFTER_MS) this.#backoffMs = MIN_BACKOFF_MS
    const { name, outputFile, logFile } = this.#options
    const last_job = lastJobOf(logFile, end.died)
    this.#log.error('process.crashed', { name, ...end, last_job, crashes: this.#crashes, again_ms: this.#backoffMs })
    if (this.#crashes >= CRASHES_BEFORE_READY) {
      this.#start.fail(
        new Error(`${name} crashed ${this.#crashes} times: ${lastError(outputFile)} (see ${outputFile})`),
      )
    }
    this.#restartTimer = setTimeout(() => this.#launch(), this.#backoffMs)
    this.#backoffMs = Math.min(this.#backoffMs * 2, MAX_BACKOFF_MS)
  }

  #cancelRestart(): void {
    this.#shouldRun = false
    clearTimeout(this.#restartTimer)
  }

  #waitForExit(): Promise<void> {
    const child = this.#child
    return child ? new Promise((done) => child.once('exit', () => done())) : Promise.resolve()
  }
}

function lastError(file: string): string {
  const lines = readFileSync(file, 'utf8').split('\n')
  return lines.findLast((line) => /error/i.test(line))?.trim() ?? 'no error message'
}
