import { spawn, type ChildProcess } from 'node:child_process'
import { openSync, closeSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { RunbookError } from '../../core/errors.ts'
import { respawnPauseMs } from '../../stack/respawn-pause.ts'

export interface ChildOptions {
  /** The name in log lines, such as `worker`. */
  name: string
  argv: string[]
  cwd: string
  /** The environment of the process. It is read at each start. */
  env(): Record<string, string | undefined>
  logFile: string
  /** Whether the process is started again, after a pause, when it ends by itself. */
  respawn: boolean
  log(line: string): void
}

/** The message that a child sends when it is ready. */
export interface ReadyMessage {
  ready: true
  url?: string
}

const READY_MS = 60_000
const STOP_MS = 20_000

/** A child process that reports when it is ready, ends together with this process, and is started again when it dies. */
export class Child {
  readonly #options: ChildOptions
  #process: ChildProcess | undefined
  /** Aborted by `stop`, so that the process is not started again. */
  #life = new AbortController()
  /** The address of the child's server, from its ready message. */
  url: string | undefined

  constructor(options: ChildOptions) {
    this.#options = options
  }

  get pid(): number | undefined {
    return this.#process?.pid
  }

  /** @throws RunbookError RUNBOOK_UNREACHABLE, with the path of its log, when it ends before it is ready */
  async start(): Promise<void> {
    const { name, logFile } = this.#options
    const failed = await this.#launch()
    if (failed !== null)
      throw new RunbookError('RUNBOOK_UNREACHABLE', `${name} did not start: it ${failed}. The log is in ${logFile}`)
  }

  /** Starts the process. Returns null when the process is ready, else how it ended before it was ready. */
  async #launch(): Promise<string | null> {
    const { argv, cwd, env, logFile } = this.#options
    const log = openSync(logFile, 'a', 0o600)
    const child = spawn(process.execPath, argv, {
      cwd,
      env: env(),
      stdio: ['ignore', log, log, 'ipc'],
      detached: true,
    })
    closeSync(log)
    this.#process = child
    const outcome = await new Promise<ReadyMessage | string>((resolve) => {
      const timer = setTimeout(() => resolve(`was not ready within ${READY_MS / 1000} s`), READY_MS)
      const settle = (message: ReadyMessage | string) => {
        clearTimeout(timer)
        resolve(message)
      }
      child.once('message', (message) => settle(message as ReadyMessage))
      child.once('exit', (code, signal) => settle(howItEnded(code, signal)))
      child.once('error', (error) => settle(`could not be run (${error.message})`))
    })
    if (typeof outcome === 'string') {
      // `stop` is not used here, because it would also end the attempts to start the process again after a crash.
      await end(child)
      return outcome
    }
    this.url = outcome.url
    child.once('exit', (code, signal) => void this.#startAgain(howItEnded(code, signal)))
    return null
  }

  /**
   * Starts the process again until it is ready. Logs each time that the process ended, and when it is running again.
   */
  async #startAgain(ended: string): Promise<void> {
    const { name, respawn, logFile, log } = this.#options
    const { signal } = this.#life
    if (!respawn) return
    let how: string | null = ended
    for (let failed = 0; how !== null && !signal.aborted; failed++) {
      log(`${name} ${how}; starting it again (log: ${logFile})`)
      await sleep(respawnPauseMs(failed), undefined, { signal }).catch(() => {})
      if (!signal.aborted) how = await this.#launch()
    }
    if (how === null) log(`${name} is running again`)
  }

  /** Sends a signal to the process, for fault tests. `SIGKILL` gives the process no time to clean up. */
  kill(signal: NodeJS.Signals): void {
    this.#process?.kill(signal)
  }

  /** Asks the process to end, and kills it if it has not ended after 20 s. */
  async stop(): Promise<void> {
    this.#life.abort()
    if (this.#process) await end(this.#process)
  }

  /** Starts the process again after a `stop`. */
  async startAgain(): Promise<void> {
    this.#life = new AbortController()
    await this.start()
  }
}

function howItEnded(code: number | null, signal: string | null): string {
  return `ended (${signal ?? `exit ${code}`})`
}

async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  const exited = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
  await exited
  clearTimeout(timer)
}
