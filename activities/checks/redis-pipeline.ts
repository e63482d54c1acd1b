import type { Redis } from 'ioredis'
import { RunbookError } from '../../src/core/errors.ts'

export type RedisCommand = [command: string, ...args: (string | number)[]]

/** Several reads in one round trip. Throws RunbookError `RUNBOOK_CHECK_FAILED` for the first command that Redis refuses. */
export async function readPipeline(
  target: { connection: string; redis: Redis },
  commands: RedisCommand[],
): Promise<unknown[]> {
  if (commands.length === 0) return []
  const replies = await target.redis.pipeline(commands).exec()
  return (replies ?? []).map(([error, reply], i) => {
    if (!error) return reply
    const command = commands[i]![0].toUpperCase()
    const message = `connection ${target.connection}: ${command}: ${error.message}`
    throw new RunbookError('RUNBOOK_CHECK_FAILED', message, {}, error)
  })
}
