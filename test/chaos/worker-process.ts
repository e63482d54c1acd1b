import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { packageRoot } from '../../src/cli/installation/package-root.ts'
import type { FaultPoint } from './fault-points.ts'

export interface WorkerOptions {
  /** The signal that the worker sends to itself, and where. */
  fault?: FaultPoint & { signal: 'SIGKILL' | 'SIGSTOP' }
  /** Variables that override the environment of the installation, such as addresses of a proxy. */
  env?: Record<string, string>
}

/** The product's worker as a separate process that a test can kill. */
export interface WorkerProcess {
  readonly pid: number
  /** Start time in milliseconds since the epoch. */
  readonly startedAt: number
  /** Resolves when the worker runs or was killed. Rejects if it exited before that. */
  readonly ready: Promise<void>
  /** Resolves when the process has exited, for any reason. */
  readonly ended: Promise<void>
  hasExited(): boolean
  signal(name: NodeJS.Signals): void
  /** Whether the process is paused by SIGSTOP. */
  isPaused(): boolean
  /** Stops the worker with SIGTERM, after SIGCONT in case it is paused. */
  stop(): Promise<void>
}

const STOP_TIMEOUT_MS = 20_000

export function startWorkerProcess(
  root: string,
  environment: Record<string, string | undefined>,
  { fault, env = {} }: WorkerOptions,
): WorkerProcess {
  const logFile = join(root, '.runbook/logs/chaos-worker.log')
  const log = openSync(logFile, 'a', 0o600)
  const argv = [
    '--import',
    join(import.meta.dirname, 'inject-fault.js'),
    join(packageRoot(), 'bin/runbook.js'),
    'worker',
  ]
  const child = spawn(process.execPath, argv, {
    cwd: root,
    env: { ...environment, ...env, ...(fault ? { RUNBOOK_CHAOS_POINT: JSON.stringify(fault) } : {}) },
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
        : reject(new Error(`the worker exited with code ${code}:\n${readFileSync(logFile, 'utf8').slice(-2_000)}`)),
    )
  })
  // Prevents an unhandled rejection if a test does not wait for `ready`.
  ready.catch(() => {})
  return {
    pid: child.pid!,
    startedAt: Date.now(),
    ready,
    ended,
    hasExited: () => child.exitCode !== null || child.signalCode !== null,
    signal: (name) => void child.kill(name),
    isPaused: () => execFileSync('ps', ['-o', 'stat=', '-p', String(child.pid)], { encoding: 'utf8' }).startsWith('T'),
    stop: () => stopChild(child, ended),
  }
}

async function stopChild(child: ChildProcess, ended: Promise<void>): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGCONT')
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS)
  await ended
  clearTimeout(timer)
}
