import { RunbookError } from '../../src/core/errors.ts'
import { explainRedis } from '../../src/targets/explain-redis.ts'
import { withRedisLane } from '../../src/targets/redis-lanes.ts'
import type { RedisTarget } from '../../src/targets/targets.ts'

export type RedisCommand = [command: string, ...args: (string | number)[]]

type Reply = { value: unknown } | { refused: Error }

/** Sends several reads in one round trip. Throws RunbookError `RUNBOOK_CHECK_FAILED` for the first command that Redis refuses. */
export async function readPipeline(
  target: Pick<RedisTarget, 'connection' | 'address' | 'redis' | 'lanes'>,
  commands: RedisCommand[],
): Promise<unknown[]> {
  return (await readReplies(target, commands)).map((reply, i) => {
    if ('value' in reply) return reply.value
    const command = commands[i]![0].toUpperCase()
    const message = `connection ${target.connection}: ${command}: ${explainRedis(reply.refused)}`
    throw new RunbookError('RUNBOOK_CHECK_FAILED', message, {}, reply.refused)
  })
}

/** Sends several reads in one round trip, for callers that expect Redis to refuse some of them. Throws only if a reply did not arrive. */
export async function readReplies(
  target: Pick<RedisTarget, 'connection' | 'address' | 'redis' | 'lanes'>,
  commands: RedisCommand[],
): Promise<Reply[]> {
  if (commands.length === 0) return []
  const what = [...new Set(commands.map(([command]) => command.toUpperCase()))].slice(0, 5).join(', ')
  return withRedisLane(target, what, async (redis) => {
    const replies = (await redis.pipeline(commands).exec()) ?? []
    return replies.map(([error, value]): Reply => {
      if (!error) return { value }
      // Other errors are errors of the connection, so the server's answer is unknown.
      if (error.name !== 'ReplyError')
        throw new RunbookError(
          'RUNBOOK_CHECK_FAILED',
          `connection ${target.connection}: ${what}: ${error.message}`,
          {},
          error,
        )
      return { refused: error }
    })
  })
}
