import type { Redis } from 'ioredis'
import { DEFAULT_REDIS_CONNECTIONS } from '../config/config.ts'
import { RunbookError } from '../core/errors.ts'
import { limitBytes } from './limit-bytes.ts'
import { redisConnectError } from './open-redis.ts'
import { Slots } from './slots.ts'
import type { RedisTarget } from './targets.ts'
import { outsideLimit } from './waiting.ts'

/** How long to wait for other reads of this process on the same connection. */
const LANE_WAIT_MS = 60_000
/** How many bytes Redis may send for one round trip. */
const MAX_RECEIVED_BYTES = 8 * 1024 * 1024

type ReadTarget = Pick<RedisTarget, 'connection' | 'address' | 'redis' | 'lanes'>

interface Lanes {
  slots: Slots
  idle: Redis[]
}

/** The lanes of each shared client. They are closed together with the client. */
const lanes = new WeakMap<Redis, Lanes>()

/**
 * Runs one round trip of reads on a separate connection, so that the bytes that arrive can be attributed to it and limited. Redis does not
 * report the size of an entry before it sends it. If more bytes arrive than the limit allows, the connection is closed, and an error
 * `RUNBOOK_CHECK_FAILED` is thrown. Waiting for a connection says nothing about the server and does not count towards the check's time.
 * After a minute the caller must try again (`isBusy`).
 */
export async function withRedisLane<T>(
  target: ReadTarget,
  what: string,
  work: (redis: Redis) => Promise<T>,
): Promise<T> {
  const own = lanesOf(target)
  const release = await outsideLimit(() => own.slots.acquire(LANE_WAIT_MS))
  if (!release) throw busy(target)
  try {
    const redis = own.idle.pop() ?? (await outsideLimit(() => openLane(target)))
    const received = limitBytes(redis.stream, MAX_RECEIVED_BYTES)
    try {
      const result = await work(redis)
      received.stop()
      if (target.redis.status === 'ready') own.idle.push(redis)
      else redis.disconnect()
      return result
    } catch (error) {
      // A reply that arrives later must not be attributed to the next reads.
      redis.disconnect()
      throw received.isExceeded ? tooLarge(target.connection, what) : error
    }
  } finally {
    release()
  }
}

function lanesOf(target: ReadTarget): Lanes {
  const { redis } = target
  const known = lanes.get(redis)
  if (known) return known
  const own: Lanes = { slots: new Slots(countOf(target)), idle: [] }
  lanes.set(redis, own)
  redis.once('end', () => {
    for (const lane of own.idle.splice(0)) lane.disconnect()
  })
  return own
}

async function openLane(target: ReadTarget) {
  const { connection, address, redis } = target
  const lane = redis.duplicate({ lazyConnect: true })
  const own = lanesOf(target)
  lane.on('end', () => (own.idle = own.idle.filter((one) => one !== lane)))
  let last: unknown
  lane.on('error', (error: unknown) => (last = error))
  try {
    await lane.connect()
    return lane
  } catch (error) {
    lane.disconnect()
    throw redisConnectError(connection, address, last ?? error)
  }
}

function countOf({ lanes: count = DEFAULT_REDIS_CONNECTIONS.read - 1 }: ReadTarget): number {
  return count
}

function busy(target: ReadTarget): RunbookError {
  const { connection } = target
  const what = `connection ${connection}: all ${countOf(target)} connections with which this process reads are in use (maxConnections)`
  return new RunbookError('RUNBOOK_UNREACHABLE', `${what}; trying again`, { connection, busy: true })
}

function tooLarge(connection: string, what: string): RunbookError {
  return new RunbookError(
    'RUNBOOK_CHECK_FAILED',
    `connection ${connection}: ${what}: Redis sent more than ${MAX_RECEIVED_BYTES / 1024 / 1024} MB, so nothing was read: request fewer entries`,
  )
}
