import {
  DEFAULT_CHECK_MEMORY_MB,
  type BullmqConnection,
  type Config,
  type ConnectionConfig,
  type RedisConnection,
} from '../config/config.ts'
import type { Secret } from '../config/secret.ts'
import { defined } from '../core/defined.ts'
import { RunbookError } from '../core/errors.ts'
import { MemoryBudget } from './memory-budget.ts'
import { openHttp } from './open-http.ts'
import { openPostgres } from './open-postgres.ts'
import { openProcess } from './open-process.ts'
import { isUsable, openRedis } from './open-redis.ts'
import type { Access, PostgresTarget, RedisTarget, Targets } from './targets.ts'
import { outsideLimit } from './waiting.ts'

/** The clients of the configured connections. Each client is opened at its first use. */
export function openTargets(config: Pick<Config, 'connections'> & Partial<Pick<Config, 'checks'>>): Targets {
  const postgres = new Map<string, Promise<PostgresTarget>>()
  const redis = new Map<string, Promise<RedisTarget>>()
  let closed = false

  function find<K extends ConnectionConfig['kind']>(name: string, kinds: K[]): Extract<ConnectionConfig, { kind: K }> {
    if (closed) throw new RunbookError('RUNBOOK_UNREACHABLE', `connection ${name}: the clients are closed`)
    return findConnection(config, name, kinds)
  }

  async function openedRedis(name: string, access: Access, connection: RedisConnection | BullmqConnection) {
    const id = `${access} ${name}`
    const { redact, sentinel, maxConnections } = connection
    const open = () =>
      openRedis(name, access, {
        ...defined({ sentinel, maxConnections, base: connection.kind === 'bullmq' ? baseOf(connection) : undefined }),
        url: credential(name, access, connection),
        redact,
      })
    const opened = await shared(redis, id, open)
    if (isUsable(opened.redis)) return opened
    redis.delete(id)
    opened.redis.disconnect()
    return shared(redis, id, open)
  }

  return {
    memory: new MemoryBudget((config.checks?.memoryMb ?? DEFAULT_CHECK_MEMORY_MB) * 1024 * 1024),
    async postgres(name, access) {
      const connection = find(name, ['postgres'])
      return shared(postgres, `${access} ${name}`, () =>
        openPostgres(name, access, credential(name, access, connection), connection),
      )
    },
    async redis(name, access) {
      return openedRedis(name, access, find(name, ['redis', 'bullmq']))
    },
    async bullmq(name, access) {
      const connection = find(name, ['bullmq'])
      const { prefix, queue, stalledIntervalMs } = connection
      const open = await openedRedis(name, access, connection)
      return { ...open, prefix, queue, base: baseOf(connection), stalledIntervalMs }
    },
    async http(name) {
      return openHttp(name, find(name, ['http']))
    },
    async process(name) {
      return openProcess(name, find(name, ['process']))
    },
    async logs(name) {
      const { kind: _, ...logs } = find(name, ['logs'])
      return { connection: name, ...logs }
    },
    async close() {
      closed = true
      const pools = await Promise.allSettled(postgres.values())
      const clients = await Promise.allSettled(redis.values())
      for (const client of clients) if (client.status === 'fulfilled') client.value.redis.disconnect()
      await Promise.allSettled(pools.map((pool) => (pool.status === 'fulfilled' ? pool.value.pool.end() : undefined)))
    },
  }
}

function baseOf({ prefix, queue }: BullmqConnection): string {
  return `${prefix}:${queue}`
}

/** Returns a configured connection of one of these kinds. Throws RunbookError `RUNBOOK_CONFIG` that lists the configured names. */
export function findConnection<K extends ConnectionConfig['kind']>(
  config: Pick<Config, 'connections'>,
  name: string,
  kinds: K[],
): Extract<ConnectionConfig, { kind: K }> {
  const found = Object.hasOwn(config.connections, name) ? config.connections[name] : undefined
  const wanted = kinds.join(' or ')
  if (!found) {
    const known = Object.keys(config.connections).join(', ') || 'none'
    throw new RunbookError('RUNBOOK_CONFIG', `There is no connection "${name}". Configured are: ${known}.`)
  }
  if (!(kinds as string[]).includes(found.kind))
    throw new RunbookError('RUNBOOK_CONFIG', `Connection ${name} is of kind ${found.kind}, not ${wanted}.`)
  return found as Extract<ConnectionConfig, { kind: K }>
}

function credential(name: string, access: Access, connection: { read: Secret; write?: Secret }): Secret {
  const secret = connection[access]
  if (secret) return secret
  throw new RunbookError(
    'RUNBOOK_CONFIG',
    `Connection ${name} has no write credential: nothing can be changed through it.`,
  )
}

/**
 * Concurrent callers share one opening. A failed opening is removed, so that the next caller tries again. Connecting
 * has its own time limit and does not count towards the check's time, so that a system that is down does not look like
 * a slow check.
 */
function shared<T>(opened: Map<string, Promise<T>>, id: string, open: () => Promise<T>): Promise<T> {
  const known = opened.get(id)
  if (known) return outsideLimit(() => known)
  const opening = open()
  opened.set(id, opening)
  opening.catch(() => {
    if (opened.get(id) === opening) opened.delete(id)
  })
  return outsideLimit(() => opening)
}
