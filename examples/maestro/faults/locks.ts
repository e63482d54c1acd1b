import { MaestroError } from '../errors.ts'
import { keyOf, LOCK_MS } from '../queue/connect.ts'
import { until } from '../repeat.ts'
import type { FaultContext } from './fault.ts'

/** Waits until the locks of these jobs have expired. Returns the jobs that are still in the active list. */
export async function untilLocksExpired({ redis, config }: FaultContext, jobs: string[]): Promise<string[]> {
  await until(
    async () => {
      const locked = await Promise.all(jobs.map((job) => redis.exists(keyOf(config, `${job}:lock`))))
      return locked.every((exists) => exists === 0) || undefined
    },
    {
      timeoutMs: LOCK_MS + 3000,
      timeoutError: () => new MaestroError('failed', 'timed out waiting for the locks of the jobs to expire'),
    },
  )
  const active = new Set(await redis.lrange(keyOf(config, 'active'), 0, 499))
  return jobs.filter((job) => active.has(job))
}
