import { createHash } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { RunbookError, messageOf } from '../core/errors.ts'
import { requireLoopback } from './loopback.ts'
import { runCommand } from './run-command.ts'
import type { ServiceSpec } from './service.ts'

/** The image that Docker runs. */
export const REDIS_IMAGE = 'redis:7'

export type RedisSource = { kind: 'program'; path: string } | { kind: 'docker'; path: string }

export function redisUrl(port: number, password: string): string {
  return `redis://default:${password}@127.0.0.1:${port}`
}

/**
 * Prepares the folder of Redis. Users that ACL SETUSER creates survive restarts after ACL SAVE has written them to users.acl. The line of
 * the default user is written at each start, so that its password is always the one in secrets.json.
 */
export async function prepareRedis(dir: string, password: string): Promise<string> {
  const home = join(dir, 'redis')
  await mkdir(home, { recursive: true, mode: 0o700 })
  const file = join(home, 'users.acl')
  const kept = (await readFile(file, 'utf8').catch(() => ''))
    .split('\n')
    .filter((line) => line && !line.startsWith('user default '))
  const hash = createHash('sha256').update(password).digest('hex')
  await writeFile(file, `${[`user default on #${hash} ~* &* +@all`, ...kept].join('\n')}\n`, { mode: 0o600 })
  return home
}

export function redisSpec(
  source: RedisSource,
  home: string,
  port: number,
  password: string,
): Pick<ServiceSpec, 'command' | 'args' | 'env' | 'stopSignal' | 'probe' | 'readyWithinMs' | 'clear'> {
  const settings = (folder: string, listen: Record<string, string>) =>
    flags({
      ...listen,
      dir: folder,
      aclfile: `${folder}/users.acl`,
      appendonly: 'yes',
      save: '',
      'maxmemory-policy': 'noeviction',
    })
  const common = {
    env: { PATH: process.env['PATH'], LC_ALL: 'C' },
    stopSignal: 'SIGTERM' as const,
    probe: () => probeRedis(redisUrl(port, password)),
  }
  if (source.kind === 'program') {
    const args = settings(home, { bind: '127.0.0.1', port: String(port) })
    return { ...common, command: source.path, args, readyWithinMs: 30_000 }
  }
  const container = `maestro-runbooks-${createHash('sha256').update(home).digest('hex').slice(0, 12)}`
  const options = {
    name: container,
    user: `${process.getuid?.() ?? 0}:${process.getgid?.() ?? 0}`,
    publish: `127.0.0.1:${port}:6379`,
    volume: `${home}:/data`,
  }
  return {
    ...common,
    env: process.env,
    command: source.path,
    args: ['run', '--rm', ...flags(options), REDIS_IMAGE, 'redis-server', ...settings('/data', {})],
    readyWithinMs: 180_000, // The image may have to be pulled first.
    clear: async () => {
      await runCommand(source.path, ['rm', '--force', container], { timeoutMs: 20_000 })
    },
  }
}

function flags(values: Record<string, string>): string[] {
  return Object.entries(values).flatMap(([name, value]) => [`--${name}`, value])
}

/** @throws the client's error while the server does not answer, or is still loading its data */
export async function probeRedis(url: string): Promise<void> {
  const { Redis } = await import('ioredis')
  const redis = new Redis(url, {
    lazyConnect: true,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
    connectTimeout: 5_000,
  })
  let refusal: unknown
  redis.on('error', (error) => (refusal ??= error))
  try {
    await redis.connect()
    await redis.ping()
  } catch (error) {
    throw refusal ?? error
  } finally {
    redis.disconnect()
  }
}

export async function useGivenRedis(value: string): Promise<string> {
  const { host } = requireLoopback('REDIS_URL', value)
  await probeRedis(value).catch((error: unknown) => {
    throw new RunbookError('RUNBOOK_UNREACHABLE', `REDIS_URL (${host}) cannot be used: ${messageOf(error)}`)
  })
  return value
}
