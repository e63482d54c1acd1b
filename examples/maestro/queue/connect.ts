import { Queue } from 'bullmq'
import { Redis } from 'ioredis'
import type { MaestroConfig } from '../config.ts'
import { MaestroError, messageOf } from '../errors.ts'

/** What a job of the queue carries; its name is the step's type. */
export interface StepJob {
  run: string
  step: string
  type: string
  attempt: number
  input: Record<string, unknown>
}

/**
 * Both are short here, so that a fault shows within seconds. A look between taking a job and the end of its lock marks
 * the job, the next look moves it: with these figures a job whose worker died is taken again after 4 s.
 */
export const LOCK_MS = 3000
export const STALLED_INTERVAL_MS = 2000
/** High, so that a job that crashes its worker goes on crashing it until somebody takes it out. */
export const MOST_STALLS = 50

export function openQueue(config: MaestroConfig): Queue<StepJob> {
  const queue = new Queue<StepJob>(config.queue, {
    prefix: config.prefix,
    connection: { url: config.redisUrl, maxRetriesPerRequest: 1 },
    defaultJobOptions: { removeOnComplete: { count: 1000 }, removeOnFail: { count: 1000 } },
  })
  queue.on('error', () => {})
  return queue
}

/** A plain connection for reading the queue's keys: unlike `new Queue()`, looking through it writes nothing. */
export function openRedis(config: MaestroConfig): Redis {
  const redis = new Redis(config.redisUrl, { maxRetriesPerRequest: 1, connectTimeout: 5000 })
  redis.on('error', () => {})
  return redis
}

/** @throws MaestroError that says which address does not answer. */
export async function checkRedis(redis: Redis, url: string): Promise<void> {
  // What ioredis rejects with says how often it tried; why it failed is in the event alone.
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
