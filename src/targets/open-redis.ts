import type { Redis } from 'ioredis'
import { scrubSecrets, type Secret } from '../config/secret.ts'
import type { Sentinel } from '../config/config.ts'
import { defined } from '../core/defined.ts'
import { messageOf, RunbookError } from '../core/errors.ts'
import { fileProblem, tlsProblem } from './explain-connection.ts'
import { explainRedis, movedTo, redisRemedy } from './explain-redis.ts'
import { hostAndPort, nodeAddress, parseRedisAddress, type RedisAddress } from './redis-address.ts'
import { connectRedis } from './redis-client.ts'
import { findPrimary } from './redis-sentinel.ts'
import type { Access, RedisTarget } from './targets.ts'
import { tlsMismatch } from './tls-mismatch.ts'

/** How many redirects of a Redis Cluster are followed to the node that has the queue. */
const MAX_REDIRECTS = 3

export interface RedisCredential {
  url: Secret
  redact: string[]
  sentinel?: Sentinel
  /** The queue's `<prefix>:<queue>`, which determines the node to use in a Redis Cluster. */
  base?: string
  maxConnections?: { read: number }
}

/**
 * Opens a connected Redis client, or fails within seconds. Throws RunbookError `RUNBOOK_UNREACHABLE`, or `RUNBOOK_CONFIG` when the server
 * refuses the login or the configuration does not fit it.
 */
export async function openRedis(connection: string, access: Access, given: RedisCredential): Promise<RedisTarget> {
  // The client itself uses one of the connections.
  const lanes = given.maxConnections && given.maxConnections.read - 1
  let address = parseRedisAddress(connection, access, given.url.reveal())
  if (given.sentinel) address = await findPrimary(connection, given.sentinel, address)
  for (let redirects = 0; ; redirects++) {
    const { redis, moved } = await openServer(connection, access, address, given.base)
    if (!moved) return { connection, address: hostAndPort(address), redis, redact: given.redact, ...defined({ lanes }) }
    redis.disconnect()
    if (redirects === MAX_REDIRECTS) throw redisConnectError(connection, hostAndPort(address), moved)
    address = nodeAddress(address, movedTo(moved)!)
  }
}

/** Connects to one server. `moved` is the reply of a cluster's node that does not have the queue. */
async function openServer(
  connection: string,
  access: Access,
  address: RedisAddress,
  base: string | undefined,
): Promise<{ redis: Redis; moved?: unknown }> {
  const redis = await connectServer(connection, access, address)
  try {
    const moved = await probe(redis, base)
    return moved === undefined ? { redis } : { redis, moved }
  } catch (error) {
    redis.disconnect()
    throw redisConnectError(connection, hostAndPort(address), error)
  }
}

/** Opens a client of this one server and waits until the server has answered. Throws RunbookError like `openRedis`. */
export async function connectServer(
  connection: string,
  access: Access | 'admin',
  address: RedisAddress,
): Promise<Redis> {
  const { db, ...server } = address
  let redis: Redis | undefined
  try {
    redis = await connectRedis({ ...server, connectionName: `runbook:${connection}:${access}` }, (client, error) => {
      if (redisRemedy(error) === 'stale') outdated.add(client)
    })
    if (db !== 0) await selectDatabase(redis, db)
    return redis
  } catch (error) {
    redis?.disconnect()
    throw redisConnectError(connection, hostAndPort(address), error, await tlsMismatch(address, error))
  }
}

/**
 * Selects the database. This is not left to the client, because the client would continue with database 0 if the server
 * refuses the number.
 */
async function selectDatabase(redis: Redis, db: number): Promise<void> {
  await redis.select(db)
  // Further connections that are made from this client use the same database.
  redis.options.db = db
}

/** Clients whose server is no longer the right one, for example after a failover. */
const outdated = new WeakSet<Redis>()

/** Whether the client can be used again. If not, the address must be resolved and connected again. */
export function isUsable(redis: Redis): boolean {
  return redis.status === 'ready' && !outdated.has(redis)
}

/**
 * Reads from the server once, so that a server that is loading, asks for a password or is a Sentinel is found here. A cluster answers only when
 * all keys of the queue are in one hash slot. Returns the reply when another node of a cluster has them; throws for other replies.
 */
async function probe(redis: Redis, base: string | undefined): Promise<unknown> {
  const keys = base === undefined ? ['runbook'] : ['meta', 'wait', 'active'].map((part) => `${base}:${part}`)
  try {
    await redis.exists(keys)
    return undefined
  } catch (error) {
    if (base !== undefined) {
      if (movedTo(error)) return error
      throw error
    }
    // These replies are not a failure, because the server has answered: the login may not read this key, or another node has the key.
    if (movedTo(error) || messageOf(error).startsWith('NOPERM')) return undefined
    throw error
  }
}

/**
 * The error for a Redis server that could not be opened. `mistake` is what must be changed in the configuration, if the caller knows it.
 */
export function redisConnectError(connection: string, address: string, error: unknown, mistake?: string): RunbookError {
  const why = scrubSecrets(messageOf(error))
  const what = `connection ${connection}: Redis at ${address}`
  const detail = { connection, address }
  const fail = (code: 'RUNBOOK_CONFIG' | 'RUNBOOK_UNREACHABLE', text: string) =>
    new RunbookError(code, `${what} ${text}`, { ...detail, down: code === 'RUNBOOK_UNREACHABLE' }, error)
  if (/unknown command .?exists/i.test(why))
    return fail(
      'RUNBOOK_CONFIG',
      'answers, but has no keys: is it a Redis Sentinel? Then set "sentinel" of the connection to its address and the name of the primary',
    )
  const wrong = mistake ?? fileProblem(error, why) ?? tlsProblem(error, why)
  if (wrong) return fail('RUNBOOK_CONFIG', wrong)
  switch (redisRemedy(error)) {
    case 'login':
      return fail('RUNBOOK_CONFIG', `refuses the login: ${explainRedis(error)}`)
    case 'setup':
      return fail('RUNBOOK_CONFIG', `cannot be used: ${explainRedis(error)}`)
    case 'now':
    case 'stale':
      return fail('RUNBOOK_UNREACHABLE', `does not accept a connection now: ${explainRedis(error)}`)
    case undefined:
      return fail('RUNBOOK_UNREACHABLE', `does not answer: ${why}`)
  }
}
