import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chown, readFile, rename, rm, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { RunbookError, messageOf } from '../core/errors.ts'
import { requireLoopback } from './loopback.ts'
import { findPostgres } from './postgres-binaries.ts'
import type { PostgresBinaries } from './postgres-binaries.ts'
import { postgresDir, postgresUser } from './postgres-user.ts'
import type { SystemUser } from './postgres-user.ts'
import { commandLine } from './process-identity.ts'
import { lastLine, runCommand } from './run-command.ts'
import type { ServiceSpec } from './service.ts'

const MARK = 'made-for'

export interface PostgresPlan {
  data: string
  binaries: PostgresBinaries
  user: SystemUser | null
}

/** Finds the programs, creates the database cluster if there is none, and removes what a crash left behind. */
export async function preparePostgres(
  dir: string,
  password: string,
  log: (line: string) => void,
): Promise<PostgresPlan> {
  const user = await postgresUser(log)
  const binaries = await findPostgres(user, log)
  const base = await postgresDir(dir, user, log)
  const data = join(base, 'data')
  log(
    `PostgreSQL: ${binaries.version} from ${binaries.from}${user === null ? '' : `, as ${user.name}`}; data in ${data}`,
  )
  await endFormerPostmaster(data, log)
  await forgetRemovedStack(dir, base, password, log)
  if (existsSync(join(data, 'PG_VERSION'))) await refuseOtherVersion(data, binaries)
  else await initialise(base, data, binaries, user, password)
  return { data, binaries, user }
}

/** @throws the client's error while the server does not answer */
export async function probePostgres(url: string): Promise<void> {
  const { Client } = (await import('pg')).default
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 5_000 })
  // Without a listener, this process would end if the server stops at this moment.
  client.on('error', () => undefined)
  try {
    await client.connect()
    await client.query('SELECT 1')
  } finally {
    await client.end().catch(() => undefined)
  }
}

export function postgresUrl(port: number, password: string): string {
  return `postgres://postgres:${password}@127.0.0.1:${port}/postgres`
}

export function postgresSpec(
  plan: PostgresPlan,
  port: number,
  password: string,
): Pick<
  ServiceSpec,
  'command' | 'args' | 'env' | 'user' | 'stopSignal' | 'probe' | 'readyWithinMs' | 'startAgainAfter'
> {
  const settings = {
    listen_addresses: '127.0.0.1',
    port: String(port),
    unix_socket_directories: '',
    max_connections: '200',
    timezone: 'UTC',
    log_timezone: 'UTC',
  }
  return {
    command: join(plan.binaries.bin, 'postgres'),
    args: ['-D', plan.data, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])],
    // The PG* variables of the caller (PGDATA, PGOPTIONS) are left out.
    env: { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC' },
    user: plan.user ?? undefined,
    stopSignal: 'SIGINT', // "fast shutdown": sessions are ended, nothing is lost
    probe: () => probePostgres(postgresUrl(port, password)),
    readyWithinMs: 60_000, // crash recovery included
    // The backends of a killed postmaster need a moment to notice that it has ended.
    startAgainAfter: (log) => /pre-existing shared memory block|lock file "postmaster.pid" already exists/.test(log),
  }
}

/** Checks the server given by RUNBOOK_POSTGRES_URL: it must be on this machine, and the user must be a superuser. */
export async function useGivenPostgres(value: string): Promise<{ url: string; host: string; port: number }> {
  const url = requireLoopback('RUNBOOK_POSTGRES_URL', value)
  const { Client } = (await import('pg')).default
  const client = new Client({ connectionString: value, connectionTimeoutMillis: 5_000 })
  client.on('error', () => undefined)
  try {
    await client.connect()
    const { rows } = await client.query<{ rolsuper: boolean }>(
      'SELECT rolsuper FROM pg_roles WHERE rolname = current_user',
    )
    if (rows[0]?.rolsuper !== true) {
      throw new RunbookError(
        'RUNBOOK_CONFIG',
        'RUNBOOK_POSTGRES_URL must be the URL of a superuser: the stack creates databases and roles',
      )
    }
  } catch (error) {
    if (error instanceof RunbookError) throw error
    throw new RunbookError(
      'RUNBOOK_UNREACHABLE',
      `RUNBOOK_POSTGRES_URL (${url.host}) cannot be used: ${messageOf(error)}`,
    )
  } finally {
    await client.end().catch(() => undefined)
  }
  return { url: value, host: url.hostname, port: Number(url.port || 5432) }
}

/** A value that identifies the secrets.json with which the data was created, without revealing the password. */
function markOf(password: string): string {
  return createHash('sha256').update(`maestro-runbooks ${password}`).digest('hex')
}

/**
 * Data outside of the stack's folder remains when the folder is removed. When the folder was removed and created again, the old data
 * is removed too. Data inside of the folder is kept: only secrets.json was lost, and a person must decide.
 */
async function forgetRemovedStack(
  dir: string,
  base: string,
  password: string,
  log: (line: string) => void,
): Promise<void> {
  const mark = await readFile(join(base, MARK), 'utf8').catch(() => null)
  if (mark === null || mark === markOf(password)) return
  if (base.startsWith(dir)) {
    throw new RunbookError(
      'RUNBOOK_CONFLICT',
      `${base} was created with another ${join(dir, 'secrets.json')}: restore that file, or remove the folder to start with an empty database`,
    )
  }
  log(`PostgreSQL: removing the data in ${base}, which belongs to a stack that was removed`)
  await rm(join(base, 'data'), { recursive: true, force: true })
}

async function refuseOtherVersion(data: string, binaries: PostgresBinaries): Promise<void> {
  const major = (await readFile(join(data, 'PG_VERSION'), 'utf8')).trim()
  if (binaries.version.split(/[.a-z]/)[0] === major) return
  throw new RunbookError(
    'RUNBOOK_CONFLICT',
    `${data} was created by PostgreSQL ${major}, but ${binaries.from} is version ${binaries.version}. Install ${major}, or move the folder away to start with an empty database.`,
  )
}

async function initialise(
  base: string,
  data: string,
  binaries: PostgresBinaries,
  user: SystemUser | null,
  password: string,
): Promise<void> {
  // The folder has another name until it is complete, so that the rest of a killed initdb is not mistaken for a database.
  const unfinished = `${data}.new`
  const passwordFile = join(base, 'password.new')
  await rm(unfinished, { recursive: true, force: true })
  await rm(data, { recursive: true, force: true })
  await rm(passwordFile, { force: true })
  await writeFile(passwordFile, password, { mode: 0o600, flag: 'wx' })
  if (user !== null) await chown(passwordFile, user.uid, user.gid)
  const args = [
    '-D',
    unfinished,
    '-U',
    'postgres',
    '--auth=scram-sha-256',
    `--pwfile=${passwordFile}`,
    '-E',
    'UTF8',
    '--no-locale',
  ]
  const result = await runCommand(join(binaries.bin, 'initdb'), args, {
    env: { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC' },
    user: user ?? undefined,
    cwd: '/',
    timeoutMs: 120_000,
  })
  await unlink(passwordFile)
  if (result.code !== 0)
    throw new RunbookError('RUNBOOK_UNREACHABLE', `PostgreSQL's initdb failed: ${lastLine(result)}`)
  await writeFile(join(base, MARK), markOf(password))
  await rename(unfinished, data)
}

/**
 * postmaster.pid survives a crash, and PostgreSQL refuses to start when any process of the account has that pid now. If the process
 * is a server on this data, it is ended; otherwise the file is removed.
 */
async function endFormerPostmaster(data: string, log: (line: string) => void): Promise<void> {
  const file = join(data, 'postmaster.pid')
  const pid = Number((await readFile(file, 'utf8').catch(() => '')).split('\n')[0])
  if (!Number.isInteger(pid) || pid <= 1) return
  const isOurs = async () => (await commandLine(pid)).includes(data)
  if (await isOurs()) {
    log(`PostgreSQL: ending the server that a crash left running (pid ${pid})`)
    process.kill(pid, 'SIGINT')
    const deadline = Date.now() + 15_000
    while ((await isOurs()) && Date.now() < deadline) await sleep(50)
    if (await isOurs()) process.kill(pid, 'SIGKILL')
    return
  }
  await rm(file, { force: true })
}
