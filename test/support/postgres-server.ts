import { chown, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { freePort } from '../../src/stack/ports.ts'
import { postgresUser } from '../../src/stack/postgres-user.ts'
import { probePostgres } from '../../src/stack/postgres.ts'
import { lastLine, runCommand } from '../../src/stack/run-command.ts'
import { serverDir, spawnServer } from './spawned-server.ts'

export interface PostgresServer {
  /** The server's URL with the login of a superuser. */
  url: string
  port: number
  stop(): Promise<void>
}

const PASSWORD = 'of-superuser'

/** A separate PostgreSQL server that runs the programs in `bin`. With `primary`, it is a read replica of that server. */
export async function startPostgresServer(bin: string, primary?: PostgresServer): Promise<PostgresServer> {
  const user = await postgresUser(() => {})
  const { dir, remove } = await serverDir(user)
  const data = join(dir, 'data')
  const run = async (program: string, args: string[]) => {
    const env = { PATH: process.env['PATH'], LC_ALL: 'C', PGPASSWORD: PASSWORD }
    const result = await runCommand(join(bin, program), args, { user: user ?? undefined, cwd: '/', env })
    if (result.code !== 0) throw new Error(`${program}: ${lastLine(result)}`)
  }
  if (primary) {
    const from = ['-h', '127.0.0.1', '-p', String(primary.port), '-U', 'postgres']
    await run('pg_basebackup', [...from, '-D', data, '-R', '-c', 'fast', '-X', 'stream'])
  } else {
    const file = join(dir, 'password')
    await writeFile(file, PASSWORD, { mode: 0o600 })
    if (user) await chown(file, user.uid, user.gid)
    const auth = ['--auth=scram-sha-256', `--pwfile=${file}`]
    await run('initdb', ['-D', data, '-U', 'postgres', ...auth, '-E', 'UTF8', '--no-locale', '--no-sync'])
  }
  const port = await freePort([])
  const url = `postgres://postgres:${PASSWORD}@127.0.0.1:${port}/postgres`
  const settings = { listen_addresses: '127.0.0.1', port: String(port), unix_socket_directories: '', fsync: 'off' }
  const args = ['-D', data, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])]
  const server = await spawnServer(join(bin, 'postgres'), args, { probe: () => probePostgres(url), user })
  return { url, port, stop: () => server.kill().then(remove) }
}
