import { Queue } from 'bullmq'
import { Redis } from 'ioredis'
import type { MaestroConfig } from '../config.ts'
import { MaestroError, messageOf } from '../errors.ts'

/** Data of a job in the queue. The job's name is the step's type. */
export interface StepJob {
  run: string
  step: string
  type: string
  attempt: number
  input: Record<string, unknown>
}

/**
 * The lock and the interval of stalled checks are short, so that a fault shows within seconds. BullMQ's first stalled check marks an active job, and the next one
 * recovers the job if its lock has expired. With these values, another worker takes the job of a dead worker within 4 s.
 */
export const LOCK_MS = 3000
export const STALLED_INTERVAL_MS = 2000
/** The count is high, so that a job that crashes workers continues to do so until somebody removes it. */
export const MAX_STALLED_COUNT = 50

export function openQueue(config: MaestroConfig): Queue<StepJob> {
  const queue = new Queue<StepJob>(config.queue, {
    prefix: config.prefix,
    connection: { url: config.redisUrl, maxRetriesPerRequest: 1 },
    defaultJobOptions: { removeOnComplete: { count: 1000 }, removeOnFail: { count: 1000 } },
  })
  queue.on('error', () => {})
  return queue
}

/** A plain connection for reading the queue's keys. Unlike `new Queue()`, it writes nothing. */
export function openRedis(config: MaestroConfig): Redis {
  const redis = new Redis(config.redisUrl, { maxRetriesPerRequest: 1, connectTimeout: 5000 })
  redis.on('error', () => {})
  return redis
}

/** @throws MaestroError with the address of Redis if it does not answer. */
export async function checkRedis(redis: Redis, url: string): Promise<void> {
  // The rejection of ioredis contains only the number of retries. The error event contains the reason.
  let reason: unknown
  redis.on('error', (error) => (reason = error))
  try {
    await redis.ping()
  } catch (error) {
    throw new MaestroError('failed', `Redis ${new URL(url).host} does not answer: ${messageOf(reason ?? error)}`, error)
  }
}

export function keyOf(config: MaestroConfig, name: string): string {
  return `${config.prefix}:${config.queue}:${name}`
}
