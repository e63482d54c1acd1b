import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { MaestroError } from '../errors.ts'
import { until } from '../repeat.ts'

const lockPath = (dir: string): string => join(dir, 'supervisor.lock')
/** Long enough for a supervisor that is just ending. */
const HELD_FOR_MS = 3000

/**
 * Lets one supervisor at a time work in a folder. A lock whose process is gone, or is something else by now, is taken over.
 * @returns what gives the lock back
 * @throws MaestroError that names the process which holds it
 */
export async function lockFolder(dir: string): Promise<() => void> {
  mkdirSync(dir, { recursive: true })
  await until(async () => (take(dir) ? true : undefined), {
    withinMs: HELD_FOR_MS,
    otherwise: () =>
      new MaestroError(
        'failed',
        `process ${lockHolder(dir) ?? '?'} starts, holds or ends Maestro in ${dir}: try "npx maestro status", or end that process`,
      ),
  })
  return () => rmSync(lockPath(dir), { force: true })
}

/** The process that works as supervisor in this folder, if it lives. */
export function lockHolder(dir: string): number | undefined {
  let pid: number
  try {
    pid = Number(readFileSync(lockPath(dir), 'utf8'))
  } catch {
    return undefined
  }
  return pid > 0 && isMaestro(pid) ? pid : undefined
}

function take(dir: string): boolean {
  try {
    writeFileSync(lockPath(dir), String(process.pid), { flag: 'wx', mode: 0o600 })
    return true
  } catch {
    if (lockHolder(dir) === undefined) rmSync(lockPath(dir), { force: true })
    return false
  }
}

/** A process id may have passed to another program since: look at what it runs. */
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
