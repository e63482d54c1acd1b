import { createHash } from 'node:crypto'
import { chown, mkdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { RunbookError } from '../core/errors.ts'
import { lastLine, runCommand } from './run-command.ts'

export interface SystemUser {
  name: string
  uid: number
  gid: number
}

/**
 * The account for PostgreSQL, which refuses to run as root: `postgres`, which is created if it is missing. Null if this process is not
 * root.
 */
export async function postgresUser(log: (line: string) => void): Promise<SystemUser | null> {
  if (process.getuid?.() !== 0) return null
  const existing = await lookUp()
  if (existing !== null) return existing
  log('PostgreSQL: creating the system account postgres, since PostgreSQL refuses to run as root')
  const created = await runCommand('useradd', [
    '--system',
    '--user-group',
    '--no-create-home',
    '--shell',
    '/bin/false',
    'postgres',
  ])
  const user = await lookUp()
  if (user !== null) return user
  throw new RunbookError(
    'RUNBOOK_UNREACHABLE',
    `PostgreSQL refuses to run as root and the account "postgres" could not be created: ${lastLine(created)}. Create it, or run this as a normal user.`,
  )
}

async function lookUp(): Promise<SystemUser | null> {
  const [uid, gid] = await Promise.all([runCommand('id', ['-u', 'postgres']), runCommand('id', ['-g', 'postgres'])])
  if (uid.code !== 0 || gid.code !== 0) return null
  return { name: 'postgres', uid: Number(uid.output), gid: Number(gid.output) }
}

/** Where PostgreSQL's account has its data when it cannot reach the stack's folder, for example in a private home folder. */
export const SHARED_DIR = '/var/lib/maestro-runbooks'

/** The folder of this stack below SHARED_DIR. */
export function sharedDirFor(dir: string): string {
  return join(SHARED_DIR, createHash('sha256').update(resolve(dir)).digest('hex').slice(0, 12))
}

/** Returns a folder that belongs to `user` and that `user` can reach: `<dir>/postgres`, else a folder below SHARED_DIR. */
export async function postgresDir(dir: string, user: SystemUser | null, log: (line: string) => void): Promise<string> {
  const own = join(dir, 'postgres')
  await mkdir(own, { recursive: true, mode: 0o700 })
  if (user === null) return own
  await chown(own, user.uid, user.gid)
  if ((await runCommand('test', ['-w', own], { user, cwd: '/' })).code === 0) return own
  const shared = join(sharedDirFor(dir), 'postgres')
  log(`PostgreSQL: the account ${user.name} cannot reach ${own}: the data is in ${shared}`)
  await mkdir(shared, { recursive: true, mode: 0o755 })
  await chown(shared, user.uid, user.gid)
  return shared
}
