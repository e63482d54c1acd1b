import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { packageRoot } from '../../src/cli/installation/package-root.ts'
import type { Point } from './point.ts'

export interface WorkerOptions {
  /** Where to be struck, and with what. */
  strike?: Point & { signal: 'SIGKILL' | 'SIGSTOP' }
  /** Over the folder's own environment: addresses that lead through a proxy. */
  env?: Record<string, string>
}

/** The product's own worker, in a process of its own that can be killed. */
export interface WorkerProcess {
  readonly pid: number
  /** When it was started, by this machine's clock. */
  readonly startedAt: number
  /** Resolves once it runs; rejects when it ended before that, unless it was killed. */
  readonly ready: Promise<void>
  /** Resolves when it has ended, however. */
  readonly ended: Promise<void>
  isEnded(): boolean
  signal(name: NodeJS.Signals): void
  /** Whether it was stopped and not gone on. */
  isStopped(): boolean
  /** Ends it as an operator would. */
  stop(): Promise<void>
}

const STOP_MS = 20_000

export function startWorkerProcess(
  root: string,
  environment: Record<string, string | undefined>,
  { strike, env = {} }: WorkerOptions,
): WorkerProcess {
  const logFile = join(root, '.runbook/logs/chaos-worker.log')
  const log = openSync(logFile, 'a', 0o600)
  const argv = ['--import', join(import.meta.dirname, 'die-at.js'), join(packageRoot(), 'bin/runbook.js'), 'worker']
  const child = spawn(process.execPath, argv, {
    cwd: root,
    env: { ...environment, ...env, ...(strike ? { RUNBOOK_CHAOS_POINT: JSON.stringify(strike) } : {}) },
    stdio: ['ignore', log, log, 'ipc'],
  })
  closeSync(log)
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const ready = new Promise<void>((resolve, reject) => {
    child.once('message', () => resolve())
    child.once('error', reject)
    child.once('exit', (code, signal) =>
      signal
        ? resolve()
        : reject(new Error(`the worker ended (${code}):\n${readFileSync(logFile, 'utf8').slice(-2_000)}`)),
    )
  })
  // Who kills it does not ask whether it was ready.
  ready.catch(() => {})
  return {
    pid: child.pid!,
    startedAt: Date.now(),
    ready,
    ended,
    isEnded: () => child.exitCode !== null || child.signalCode !== null,
    signal: (name) => void child.kill(name),
    isStopped: () => execFileSync('ps', ['-o', 'stat=', '-p', String(child.pid)], { encoding: 'utf8' }).startsWith('T'),
    stop: () => end(child, ended),
  }
}

async function end(child: ChildProcess, ended: Promise<void>): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGCONT')
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
  await ended
  clearTimeout(timer)
}
