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

/** PostgreSQL refuses to run as root: then it runs as `postgres`, made when missing. Null when we are not root. */
export async function postgresUser(log: (line: string) => void): Promise<SystemUser | null> {
  if (process.getuid?.() !== 0) return null
  const known = await lookUp()
  if (known !== null) return known
  log('PostgreSQL: making the system account postgres, since it refuses to run as root')
  const made = await runCommand('useradd', [
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
    `PostgreSQL refuses to run as root and the account "postgres" could not be made: ${lastLine(made)}. Make it, or start this as a normal user.`,
  )
}

async function lookUp(): Promise<SystemUser | null> {
  const [uid, gid] = await Promise.all([runCommand('id', ['-u', 'postgres']), runCommand('id', ['-g', 'postgres'])])
  if (uid.code !== 0 || gid.code !== 0) return null
  return { name: 'postgres', uid: Number(uid.output), gid: Number(gid.output) }
}

/** Where the other account may go when the clone lies in a private home. */
export const SHARED_DIR = '/var/lib/maestro-runbooks'

/** One folder in it for each stack. */
export function sharedDirFor(dir: string): string {
  return join(SHARED_DIR, createHash('sha256').update(resolve(dir)).digest('hex').slice(0, 12))
}

/** A folder that belongs to `user` and that it can reach: `<dir>/postgres`, else one under /var/lib. */
export async function postgresDir(dir: string, user: SystemUser | null, log: (line: string) => void): Promise<string> {
  const own = join(dir, 'postgres')
  await mkdir(own, { recursive: true, mode: 0o700 })
  if (user === null) return own
  await chown(own, user.uid, user.gid)
  if ((await runCommand('test', ['-w', own], { user, cwd: '/' })).code === 0) return own
  const shared = join(sharedDirFor(dir), 'postgres')
  log(`PostgreSQL: the account ${user.name} cannot reach ${own}: its data is in ${shared}`)
  await mkdir(shared, { recursive: true, mode: 0o755 })
  await chown(shared, user.uid, user.gid)
  return shared
}
