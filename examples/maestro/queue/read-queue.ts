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
  /** Names of the connected workers. */
  workers: string[]
  /** Seconds since the next job was added; 0 if no job waits. */
  oldestWaitingAge: number
  /** The first 200 active jobs, with their step type and the milliseconds since a worker took them. */
  activeJobs: { job: string; type: string; runningMs: number }[]
}

const MAX_ACTIVE_JOBS = 200

/** Reads the queue with plain Redis commands, which change nothing. */
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
      redis.lrange(key('active'), 0, MAX_ACTIVE_JOBS - 1),
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
    activeJobs: activeIds.map((job, index) => ({
      job,
      type: jobs[index]?.[0] ?? '',
      runningMs: jobs[index]?.[1] ? now - Number(jobs[index][1]) : 0,
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
