import { randomBytes } from 'node:crypto'
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isAlive } from './process-identity.ts'
import type { ProcessIdentity } from './process-identity.ts'
import type { ServiceName } from './service.ts'

/**
 * `stack.json` in the stack's folder: the process that runs the stack, and the servers that it started. The mode is 0600, because the URLs
 * contain passwords.
 */
export interface StackFile {
  owner: ProcessIdentity
  addresses: StackAddresses
  processes: Partial<Record<ServiceName, ProcessIdentity>>
  /** The ports of the last start, preferred by the next one. */
  ports: Partial<Record<ServiceName | 'ui', number>>
}

export interface StackAddresses {
  postgresUrl?: string
  redisUrl?: string
  temporalAddress?: string
  temporalUiUrl?: string
}

export interface RunningStack extends StackAddresses {
  pid: number
}

/** The stack that is running in `dir`, with its addresses, or null. */
export async function readRunningStack(dir: string): Promise<RunningStack | null> {
  const file = readStackFile(dir)
  if (file === null || !(await isAlive(file.owner))) return null
  return { pid: file.owner.pid, ...file.addresses }
}

export function readStackFile(dir: string): StackFile | null {
  try {
    const value = JSON.parse(readFileSync(join(dir, 'stack.json'), 'utf8')) as Partial<StackFile>
    return { owner: value.owner ?? { pid: 0, started: '' }, addresses: {}, processes: {}, ports: {}, ...value }
  } catch {
    return null
  }
}

/** The file is written synchronously, so that a new child process is recorded before this process can be killed. */
export function writeStackFile(dir: string, file: StackFile): void {
  const path = join(dir, 'stack.json')
  writeFileSync(`${path}.new`, `${JSON.stringify(file, null, 2)}\n`, { mode: 0o600 })
  renameSync(`${path}.new`, path)
}

export interface StackSecrets {
  postgres: string
  redis: string
}

/** The servers' passwords, created at the first start and kept in `secrets.json` (0600). */
export async function stackSecrets(dir: string): Promise<StackSecrets> {
  const path = join(dir, 'secrets.json')
  const kept = await readFile(path, 'utf8').catch(() => null)
  if (kept !== null) return JSON.parse(kept) as StackSecrets
  const created = { postgres: randomBytes(18).toString('base64url'), redis: randomBytes(18).toString('base64url') }
  await writeFile(path, `${JSON.stringify(created)}\n`, { mode: 0o600 })
  return created
}
