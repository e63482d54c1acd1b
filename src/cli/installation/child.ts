import { spawn, type ChildProcess } from 'node:child_process'
import { openSync, closeSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { RunbookError } from '../../core/errors.ts'
import { respawnPauseMs } from '../../stack/respawn-pause.ts'

export interface ChildOptions {
  /** For people: `worker`. */
  name: string
  argv: string[]
  cwd: string
  env: Record<string, string | undefined>
  logFile: string
  /** Started again when it ends unasked, after a pause. */
  respawn: boolean
  log(line: string): void
}

/** What a child sends once it is ready. */
export interface ReadyMessage {
  ready: true
  url?: string
}

const READY_MS = 60_000
const STOP_MS = 20_000

/** A process of ours: ready when it says so, ended with us, and started again when it dies. */
export class Child {
  readonly #options: ChildOptions
  #process: ChildProcess | undefined
  /** Aborted by `stop`. */
  #life = new AbortController()
  /** Where it serves, as it said. */
  url: string | undefined

  constructor(options: ChildOptions) {
    this.#options = options
  }

  get pid(): number | undefined {
    return this.#process?.pid
  }

  /** Throws `RUNBOOK_UNREACHABLE` with where its log is when it ends before it is ready. */
  async start(): Promise<void> {
    const { name, logFile } = this.#options
    const failed = await this.#launch()
    if (failed !== null)
      throw new RunbookError('RUNBOOK_UNREACHABLE', `${name} did not start: it ${failed}; its log is ${logFile}`)
  }

  /** Null when it is ready, else how it ended before that. */
  async #launch(): Promise<string | null> {
    const { argv, cwd, env, logFile } = this.#options
    const log = openSync(logFile, 'a', 0o600)
    const child = spawn(process.execPath, argv, { cwd, env, stdio: ['ignore', log, log, 'ipc'], detached: true })
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
      // Without a word about stopping: whoever starts it again after a crash goes on trying.
      await end(child)
      return outcome
    }
    this.url = outcome.url
    child.once('exit', (code, signal) => void this.#startAgain(howItEnded(code, signal)))
    return null
  }

  /** Each death is told alike, also that of one which was not ready yet; and the end of the trouble. */
  async #startAgain(ended: string): Promise<void> {
    const { name, respawn, logFile, log } = this.#options
    const { signal } = this.#life
    if (!respawn) return
    let how: string | null = ended
    for (let failed = 0; how !== null && !signal.aborted; failed++) {
      log(`${name} ${how}; starting it again (its log: ${logFile})`)
      await sleep(respawnPauseMs(failed), undefined, { signal }).catch(() => {})
      if (!signal.aborted) how = await this.#launch()
    }
    if (how === null) log(`${name}: runs again`)
  }

  /** `SIGKILL` for fault tests: it has no time to say goodbye. */
  kill(signal: NodeJS.Signals): void {
    this.#process?.kill(signal)
  }

  /** Asks it to end, and makes it end when it does not within its time. */
  async stop(): Promise<void> {
    this.#life.abort()
    if (this.#process) await end(this.#process)
  }

  /** After a `stop`, to be started once more. */
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
