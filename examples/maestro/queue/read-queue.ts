import type { Redis } from 'ioredis'
import type { MaestroConfig } from '../config.ts'
import { keyOf } from './connect.ts'

export interface QueueFigures {
  waiting: number
  prioritized: number
  delayed: number
  active: number
  failed: number
  paused: boolean
  /** Names of the workers that are connected now. */
  workers: string[]
  /** Seconds since the job that will be taken next was added; 0 if none waits. */
  oldestWaitingAge: number
  /** Milliseconds since each active job (the first 200) was taken by a worker, with its step type. */
  activeJobs: { job: string; type: string; runningMs: number }[]
}

const MOST_ACTIVE = 200

/** Reads the queue by plain commands only: looking changes nothing. */
export async function readQueue(redis: Redis, config: MaestroConfig): Promise<QueueFigures> {
  const key = (name: string): string => keyOf(config, name)
  const [waiting, prioritized, delayed, active, failed, paused, oldest, oldestPrioritized, activeIds, clients] =
    await Promise.all([
      redis.llen(key('wait')),
      redis.zcard(key('prioritized')),
      redis.zcard(key('delayed')),
      redis.llen(key('active')),
      redis.zcard(key('failed')),
      redis.hget(key('meta'), 'paused'),
      redis.lindex(key('wait'), -1),
      redis.zrange(key('prioritized'), '0', '0'),
      redis.lrange(key('active'), 0, MOST_ACTIVE - 1),
      redis.client('LIST') as Promise<string>,
    ])
  const next = [oldest, ...oldestPrioritized].filter((id) => id !== null)
  const added = await Promise.all(next.map((id) => redis.hget(key(id), 'timestamp')))
  const jobs = await Promise.all(activeIds.map((id) => redis.hmget(key(id), 'name', 'processedOn')))
  const now = Date.now()
  return {
    waiting,
    prioritized,
    delayed,
    active,
    failed,
    paused: paused === '1',
    workers: workerNames(clients, config),
    oldestWaitingAge: Math.max(0, ...added.map((at) => (at ? (now - Number(at)) / 1000 : 0))),
    activeJobs: activeIds.map((job, at) => ({
      job,
      type: jobs[at]?.[0] ?? '',
      runningMs: jobs[at]?.[1] ? now - Number(jobs[at][1]) : 0,
    })),
  }
}

/** A BullMQ worker names its blocking connection `<prefix>:<base64 of queue>:w:<worker>`. */
function workerNames(clientList: string, config: MaestroConfig): string[] {
  const start = `${config.prefix}:${Buffer.from(config.queue).toString('base64')}:w:`
  const names = clientList
    .split('\n')
    .map((line) => / name=(\S*)/.exec(line)?.[1] ?? '')
    .filter((name) => name.startsWith(start))
    .map((name) => name.slice(start.length))
  return [...new Set(names)].sort()
}
