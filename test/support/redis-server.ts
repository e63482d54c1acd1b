import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { freePort } from '../../src/stack/ports.ts'
import { serverDir, spawnServer } from './spawned-server.ts'

export interface RedisServer {
  port: number
  /** The host and the port, such as `127.0.0.1:6379`. */
  address: string
  /** A client that is logged in as an administrator. */
  admin: Redis
  kill(): Promise<void>
  stop(): Promise<void>
}

/** A separate Redis (or Valkey) server without persistence. `settings` are lines of its configuration file. */
export async function startRedisServer(
  program: string,
  settings: Record<string, string> = {},
  login: { password?: string; tls?: { ca: string }; sentinel?: boolean } = {},
): Promise<RedisServer> {
  const port = await freePort([])
  const { dir, remove } = await serverDir()
  const listen = login.tls ? { port: '0', 'tls-port': String(port) } : { port: String(port) }
  const options = {
    bind: '127.0.0.1',
    dir,
    save: '',
    appendonly: 'no',
    'enable-debug-command': 'yes',
    ...listen,
    ...settings,
  }
  const admin = new Redis({
    host: '127.0.0.1',
    port,
    lazyConnect: true,
    enableReadyCheck: false,
    retryStrategy: () => null,
    ...(login.password ? { password: login.password } : {}),
    ...(login.tls ? { tls: { ca: login.tls.ca, servername: 'localhost' } } : {}),
  })
  admin.on('error', () => {})
  const known = /6\.2/.test(program) ? without(options, 'enable-debug-command') : options
  const lines = login.sentinel ? { bind: '127.0.0.1', port: String(port), dir, ...settings } : known
  const file = join(dir, 'redis.conf')
  await writeFile(
    file,
    Object.entries(lines)
      .map(([name, value]) => `${name} ${value || '""'}\n`)
      .join(''),
  )
  const args = login.sentinel ? [file, '--sentinel'] : [file]
  const server = await spawnServer(program, args, { cwd: dir, probe: () => admin.connect() })
  const end = async (how: 'stop' | 'kill') => {
    admin.disconnect()
    await server[how]()
    await remove()
  }
  return { port, address: `127.0.0.1:${port}`, admin, kill: () => end('kill'), stop: () => end('stop') }
}

function without(options: Record<string, string>, name: string): Record<string, string> {
  return Object.fromEntries(Object.entries(options).filter(([key]) => key !== name))
}
