import { findRedis } from './redis-program.ts'
import { findTemporal } from './temporal-program.ts'

/**
 * Downloads or builds the programs that a stack will need and that are missing. Never fails: the start of the stack tries again, and
 * reports why it did not succeed.
 */
export async function fetchPrograms(log: (line: string) => void): Promise<void> {
  await Promise.allSettled([
    process.env['REDIS_URL'] ? null : findRedis(log),
    process.env['TEMPORAL_ADDRESS'] ? null : findTemporal(log),
  ])
}
