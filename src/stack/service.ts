import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { RunbookError, messageOf } from '../core/errors.ts'
import { identify } from './process-identity.ts'
import type { ProcessIdentity } from './process-identity.ts'
import { respawnPauseMs } from './respawn-pause.ts'

export type ServiceName = 'postgres' | 'redis' | 'temporal'

/** One server of the stack: how to start it, how to check that it answers, and how to end it. */
export interface ServiceSpec {
  name: ServiceName
  command: string
  args: readonly string[]
  env: NodeJS.ProcessEnv
  /** The account under which the server runs, if it is not the account of this process. */
  user?: { uid: number; gid: number } | undefined
  logFile: string
  stopSignal: NodeJS.Signals
  /** Throws while the server does not answer yet. */
  probe(): Promise<void>
  readyWithinMs: number
  /** Whether to try again after the server ended during its start and wrote this text to its log. */
  startAgainAfter?(log: string): boolean
  /** Removes the things that a killed process leaves behind, for example a container. */
  clear?(): Promise<void>
  /** Called with each new process, and with null when it has ended, so that it can be recorded. */
  onProcess(identity: ProcessIdentity | null): void
  /** Whether the server is started again, on the same port and data, when it ends by itself. */
  respawn: boolean
  log(line: string): void
}

/** What a fault test may do to a server. Its port and data stay the same. */
export interface ServiceControls {
  readonly pid: number | null
  /** Ends the server with SIGKILL, without warning. */
  kill(): Promise<void>
  /** Starts the server again after `kill` or `stop` and waits until it answers. */
  start(): Promise<void>
  /** Asks the server to end and waits. After ten seconds it sends SIGKILL. */
  stop(): Promise<void>
  restart(): Promise<void>
}

const STOP_WITHIN_MS = 10_000
/** After this many failed attempts in a row, the server is not started again automatically. */
const RESPAWN_ATTEMPTS = 5

export class Service implements ServiceControls {
  readonly #spec: ServiceSpec
  #child: ChildProcess | null = null
  #expectedToEnd = false
  #respawning: { finished: Promise<void>; cancel: AbortController } | null = null

  constructor(spec: ServiceSpec) {
    this.#spec = spec
  }

  get name(): ServiceName {
    return this.#spec.name
  }

  get pid(): number | null {
    return this.#child?.pid ?? null
  }

  async start(): Promise<void> {
    await this.#endRespawning()
    await this.#start()
  }

  async #start(): Promise<void> {
    if (this.#child !== null) return
    const { name, readyWithinMs, logFile } = this.#spec
    const deadline = Date.now() + readyWithinMs
    for (;;) {
      const logFrom = (await readFile(logFile).catch(() => '')).length
      const child = await this.#spawn()
      const outcome = await this.#untilAnswers(child, deadline)
      if (outcome === 'answers') return
      const written = (await readFile(logFile).catch(() => Buffer.alloc(0))).subarray(logFrom).toString()
      if (child.exitCode === null && child.signalCode === null) {
        await this.#end('SIGKILL')
        await this.#spec.clear?.()
      }
      if (this.#spec.startAgainAfter?.(written) === true && Date.now() < deadline) {
        await sleep(200)
        continue
      }
      const end = written.trim().split('\n').slice(-8).join('\n') || '(nothing was written)'
      throw new RunbookError(
        'RUNBOOK_UNREACHABLE',
        `${name} did not start: ${outcome}. Its log, ${logFile}, ends:\n${end}`,
      )
    }
  }

  async kill(): Promise<void> {
    await this.#endRespawning()
    await this.#end('SIGKILL')
    await this.#spec.clear?.()
  }

  async stop(): Promise<void> {
    await this.#endRespawning()
    await this.#end(this.#spec.stopSignal)
  }

  async restart(): Promise<void> {
    await this.stop()
    await this.start()
  }

  /** Sends the signal without waiting. It is used when this process exits, because nothing can be awaited then. */
  signalNow(): void {
    if (this.#child !== null) signalGroup(this.#child, this.#spec.stopSignal)
  }

  async #spawn(): Promise<ChildProcess> {
    const { name, command, args, env, user, logFile, onProcess, log } = this.#spec
    await this.#spec.clear?.()
    const output = openSync(logFile, 'a', 0o600)
    // The server gets its own process group, so that a terminal's Ctrl-C reaches only this process, which then ends the servers in the
    // right order.
    const child = spawn(command, args, { env, detached: true, stdio: ['ignore', output, output], ...user })
    closeSync(output)
    await Promise.race([once(child, 'spawn'), once(child, 'error').then(([error]) => Promise.reject(error as Error))])
    this.#child = child
    // This is true until the server answers. If the server ends before that, `start` reports it.
    this.#expectedToEnd = true
    child.once('exit', (code, signal) => {
      this.#child = null
      onProcess(null)
      if (this.#expectedToEnd) return
      log(`${name} ended by itself (${signal ?? `exit code ${code}`}); its log is ${logFile}`)
      if (this.#spec.respawn) this.#respawn()
    })
    onProcess(await identify(child.pid as number))
    return child
  }

  #respawn(): void {
    const cancel = new AbortController()
    const finished = this.#startAgain(cancel.signal).finally(() => {
      if (this.#respawning?.cancel === cancel) this.#respawning = null
    })
    this.#respawning = { finished, cancel }
  }

  async #startAgain(cancelled: AbortSignal): Promise<void> {
    const { name, log } = this.#spec
    for (let failed = 0; failed < RESPAWN_ATTEMPTS; failed++) {
      log(`${name}: starting it again`)
      await sleep(respawnPauseMs(failed), undefined, { signal: cancelled }).catch(() => {})
      if (cancelled.aborted) return
      try {
        await this.#start()
        return log(`${name}: answers again`)
      } catch (error) {
        if (cancelled.aborted) return
        log(messageOf(error))
      }
    }
    log(`${name} could not be started again: stop everything with Ctrl-C, then start it again`)
  }

  /** Ends the attempts to start the server again, because the caller is about to start or end the server. */
  async #endRespawning(): Promise<void> {
    const respawning = this.#respawning
    if (respawning === null) return
    respawning.cancel.abort()
    // A server that is being started at this moment is ended as soon as its process exists.
    while (this.#respawning === respawning) {
      await Promise.race([respawning.finished, sleep(50)])
      if (this.#respawning === respawning) await this.#end(this.#spec.stopSignal)
    }
  }

  async #untilAnswers(child: ChildProcess, deadline: number): Promise<string> {
    let last = ''
    while (Date.now() < deadline) {
      if (child.exitCode !== null || child.signalCode !== null) {
        return `it ended with ${child.signalCode ?? `exit code ${child.exitCode}`}`
      }
      try {
        await this.#spec.probe()
        if (this.#child !== child) continue
        this.#expectedToEnd = false
        return 'answers'
      } catch (error) {
        last = messageOf(error)
      }
      await sleep(50)
    }
    return `no answer within ${this.#spec.readyWithinMs / 1000} s (${last})`
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child
    if (child === null) return
    this.#expectedToEnd = true
    const ended = once(child, 'exit')
    signalGroup(child, signal)
    const timer = setTimeout(() => signalGroup(child, 'SIGKILL'), STOP_WITHIN_MS)
    await ended
    clearTimeout(timer)
  }
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  try {
    process.kill(-child.pid, signal)
  } catch {
    // The server ended just before the signal was sent.
  }
}
