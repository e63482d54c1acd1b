import { spawn, type ChildProcess } from 'node:child_process'
import { openSync, closeSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { RunbookError } from '../../core/errors.ts'

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
const RESPAWN_MS = 1_000

/** A process of ours: ready when it says so, ended with us, and started again when it dies. */
export class Child {
  readonly #options: ChildOptions
  #process: ChildProcess | undefined
  #stopping = false
  /** Where it serves, as it said. */
  url: string | undefined

  constructor(options: ChildOptions) {
    this.#options = options
  }

  get pid(): number | undefined {
    return this.#process?.pid
  }

  /** Throws `RUNBOOK_UNREACHABLE` with the end of its log when it ends before it is ready. */
  async start(): Promise<void> {
    const { name, argv, cwd, env, logFile } = this.#options
    const log = openSync(logFile, 'a', 0o600)
    const child = spawn(process.execPath, argv, { cwd, env, stdio: ['ignore', log, log, 'ipc'], detached: true })
    closeSync(log)
    this.#process = child
    const ready = await new Promise<ReadyMessage | undefined>((resolve) => {
      const timer = setTimeout(() => resolve(undefined), READY_MS)
      const settle = (message?: ReadyMessage) => {
        clearTimeout(timer)
        resolve(message)
      }
      child.once('message', (message) => settle(message as ReadyMessage))
      child.once('exit', () => settle())
      child.once('error', () => settle())
    })
    if (!ready) {
      // Without a word about stopping: whoever starts it again after a crash goes on trying.
      await end(child)
      throw new RunbookError('RUNBOOK_UNREACHABLE', `${name} did not start: see ${logFile}`)
    }
    this.url = ready.url
    child.once('exit', (code, signal) => void this.#ended(code, signal))
  }

  async #ended(code: number | null, signal: string | null): Promise<void> {
    const { name, respawn, log } = this.#options
    if (this.#stopping || !respawn) return
    log(`${name} ended (${signal ?? `exit ${code}`}); starting it again`)
    while (!this.#stopping) {
      await sleep(RESPAWN_MS)
      if (this.#stopping) return
      try {
        await this.start()
        return
      } catch (error) {
        log(String((error as Error).message))
      }
    }
  }

  /** `SIGKILL` for fault tests: it has no time to say goodbye. */
  kill(signal: NodeJS.Signals): void {
    this.#process?.kill(signal)
  }

  /** Asks it to end, and makes it end when it does not within its time. */
  async stop(): Promise<void> {
    this.#stopping = true
    if (this.#process) await end(this.#process)
  }

  /** After a `stop`, to be started once more. */
  async startAgain(): Promise<void> {
    this.#stopping = false
    await this.start()
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  const exited = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
  await exited
  clearTimeout(timer)
}
