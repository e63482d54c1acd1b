import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Identifies a process even if a later process gets the same pid. */
export interface ProcessIdentity {
  pid: number
  /** A value that differs between all processes with this pid, even across a reboot. */
  started: string
}

/** The process that has this pid now, or null. */
export async function identify(pid: number): Promise<ProcessIdentity | null> {
  const started = process.platform === 'linux' ? await startedLinux(pid) : await startedByPs(pid)
  return started === null ? null : { pid, started }
}

export async function isAlive(identity: ProcessIdentity): Promise<boolean> {
  const now = await identify(identity.pid)
  return now !== null && now.started === identity.started
}

/** The command line of a process, its words joined by spaces; empty when there is no such process. */
export async function commandLine(pid: number): Promise<string> {
  if (process.platform === 'linux') {
    return (await readOrEmpty(`/proc/${pid}/cmdline`)).split('\0').join(' ').trim()
  }
  const { stdout } = await run('ps', ['-o', 'args=', '-p', String(pid)]).catch(() => ({ stdout: '' }))
  return stdout.trim()
}

/** Start time in clock ticks since boot (field 22 of proc(5) stat) is unique only together with the boot. */
async function startedLinux(pid: number): Promise<string | null> {
  const stat = await readOrEmpty(`/proc/${pid}/stat`)
  // The command name, in parentheses, may itself contain parentheses and spaces: count from its end.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const [state, ticks] = [fields[0], fields[19]]
  if (ticks === undefined || state === 'Z') return null
  const boot = await readOrEmpty('/proc/sys/kernel/random/boot_id')
  return `${boot.trim()}/${ticks}`
}

async function startedByPs(pid: number): Promise<string | null> {
  const { stdout } = await run('ps', ['-o', 'lstart=', '-p', String(pid)]).catch(() => ({ stdout: '' }))
  return stdout.trim() || null
}

function readOrEmpty(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '')
}
