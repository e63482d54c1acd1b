import { spawn, type ChildProcess } from 'node:child_process'
import { openSync, closeSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import type { JsonLog } from '../json-log.ts'

export interface ProcessPlan {
  name: string
  /** Node options, then the file. */
  argv: string[]
  env: Record<string, string>
  /** Gets what the process writes by itself, such as V8's last words. */
  outputFile: string
}

export interface ProcessStatus {
  name: string
  pid: number | null
  state: 'starting' | 'ready' | 'stopped'
  /** How often it ended by itself since it was told to start. */
  crashes: number
}

/** One process that is started again whenever it ends by itself. */
export interface KeptProcess {
  status(): ProcessStatus
  /** Resolves when the process says that it is ready. */
  start(env?: Record<string, string>): Promise<void>
  /** SIGTERM, and SIGKILL when it has not ended within `drainMs`. */
  stop(drainMs: number): Promise<void>
  /** SIGKILL; it is started again unless `forGood`. */
  kill(forGood: boolean): Promise<void>
}

const FIRST_BACKOFF_MS = 200
const MOST_BACKOFF_MS = 2000
const STABLE_MS = 10_000
const READY_WITHIN_MS = 20_000

export function keepProcess(plan: ProcessPlan, log: JsonLog): KeptProcess {
  let child: ChildProcess | undefined
  let wanted = false
  let isReady = false
  let crashes = 0
  let backoffMs = FIRST_BACKOFF_MS
  let env = plan.env
  let sayReady = (): void => {}
  let whenReady = Promise.resolve()
  let respawn: NodeJS.Timeout | undefined

  const launch = (): void => {
    const startedAt = Date.now()
    const output = openSync(plan.outputFile, 'a', 0o600)
    const started = spawn(process.execPath, plan.argv, { env, stdio: ['ignore', output, output, 'ipc'] })
    closeSync(output)
    child = started
    isReady = false
    started.on('message', () => {
      isReady = true
      sayReady()
    })
    started.on('error', (error) => log.error('process.not-started', { name: plan.name, error: error.message }))
    started.on('exit', (code, signal) => {
      child = undefined
      isReady = false
      if (!wanted) return
      crashes += 1
      if (Date.now() - startedAt > STABLE_MS) backoffMs = FIRST_BACKOFF_MS
      log.error('process.crashed', { name: plan.name, died: started.pid, code, signal, crashes, again_ms: backoffMs })
      respawn = setTimeout(launch, backoffMs)
      backoffMs = Math.min(backoffMs * 2, MOST_BACKOFF_MS)
    })
  }

  const ended = (): Promise<void> => {
    const running = child
    return running ? new Promise((done) => running.once('exit', () => done())) : Promise.resolve()
  }

  const forget = (): void => {
    wanted = false
    clearTimeout(respawn)
  }

  return {
    status: () => ({
      name: plan.name,
      pid: child?.pid ?? null,
      state: isReady ? 'ready' : wanted ? 'starting' : 'stopped',
      crashes,
    }),
    async start(more = {}) {
      env = { ...plan.env, ...more }
      if (!wanted) {
        wanted = true
        crashes = 0
        backoffMs = FIRST_BACKOFF_MS
        whenReady = new Promise((resolve) => (sayReady = resolve))
        launch()
      }
      const late = new AbortController()
      const deadline = pause(READY_WITHIN_MS, undefined, { signal: late.signal }).then(
        () => {
          throw new Error(`${plan.name} was not ready within ${READY_WITHIN_MS / 1000} s: see ${plan.outputFile}`)
        },
        () => {},
      )
      await Promise.race([whenReady, deadline]).finally(() => late.abort())
    },
    async stop(drainMs) {
      forget()
      if (!child) return
      const gone = ended()
      child.kill('SIGTERM')
      const killer = setTimeout(() => child?.kill('SIGKILL'), drainMs)
      await gone
      clearTimeout(killer)
    },
    async kill(forGood) {
      if (forGood) forget()
      const gone = ended()
      child?.kill('SIGKILL')
      await gone
    },
  }
}
