import { MaestroError } from '../errors.ts'
import { keyOf, LOCK_MS } from '../queue/connect.ts'
import { until } from '../repeat.ts'
import type { FaultContext } from './fault.ts'

/** Waits until none of these jobs is locked any more. Returns those that are still in `active`. */
export async function untilLocksExpired({ redis, config }: FaultContext, jobs: string[]): Promise<string[]> {
  await until(
    async () => {
      const locked = await Promise.all(jobs.map((job) => redis.exists(keyOf(config, `${job}:lock`))))
      return locked.every((held) => held === 0) || undefined
    },
    { withinMs: LOCK_MS + 3000, otherwise: () => new MaestroError('failed', 'the jobs keep their locks') },
  )
  const active = new Set(await redis.lrange(keyOf(config, 'active'), 0, 499))
  return jobs.filter((job) => active.has(job))
}
