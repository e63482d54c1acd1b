import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { MaestroError } from '../errors.ts'
import { until } from '../repeat.ts'

const lockPath = (dir: string): string => join(dir, 'supervisor.lock')
/** How long a new supervisor waits for the lock. A previous supervisor needs less than this to exit. */
const LOCK_TIMEOUT_MS = 3000

/**
 * Ensures that only one supervisor uses a folder. A stale lock, whose process has exited or is another program, is replaced.
 * @returns a function that releases the lock
 * @throws MaestroError with the pid of the process that holds the lock
 */
export async function lockFolder(dir: string): Promise<() => void> {
  mkdirSync(dir, { recursive: true })
  await until(async () => (tryLock(dir) ? true : undefined), {
    timeoutMs: LOCK_TIMEOUT_MS,
    timeoutError: () =>
      new MaestroError(
        'failed',
        `process ${lockHolder(dir) ?? '?'} is starting, running or stopping Maestro in ${dir}: run "npx maestro status", or stop that process`,
      ),
  })
  return () => rmSync(lockPath(dir), { force: true })
}

/** The pid of this folder's supervisor, or undefined if it is not running. */
export function lockHolder(dir: string): number | undefined {
  let pid: number
  try {
    pid = Number(readFileSync(lockPath(dir), 'utf8'))
  } catch {
    return undefined
  }
  return pid > 0 && isMaestro(pid) ? pid : undefined
}

function tryLock(dir: string): boolean {
  try {
    writeFileSync(lockPath(dir), String(process.pid), { flag: 'wx', mode: 0o600 })
    return true
  } catch {
    if (lockHolder(dir) === undefined) rmSync(lockPath(dir), { force: true })
    return false
  }
}

/** The system may have reused the pid for another program, so this checks the command line. */
function isMaestro(pid: number): boolean {
  try {
    process.kill(pid, 0)
    const commandLine = existsSync('/proc/self/cmdline')
      ? readFileSync(`/proc/${pid}/cmdline`, 'utf8')
      : execFileSync('ps', ['-p', String(pid), '-o', 'args='], { encoding: 'utf8' })
    return commandLine.includes('maestro')
  } catch {
    return false
  }
}
