import { RunbookError } from '../../src/core/errors.ts'
import type { BullmqTarget } from '../../src/targets/targets.ts'
import { readPipeline, type RedisCommand } from './redis-pipeline.ts'

const PARTS = ['meta', 'id', 'events', 'wait', 'prioritized', 'active', 'delayed', 'failed', 'completed']

/** Counts the keys that a queue has. BullMQ writes the first when an application opens the queue. */
export function existsCommand({ base }: BullmqTarget): RedisCommand {
  return ['exists', ...PARTS.map((part) => `${base}:${part}`)]
}

/** Throws RUNBOOK_CHECK_FAILED if there is no such queue, because then "no jobs" says nothing about the queue that is meant. */
export async function requireQueue(target: BullmqTarget): Promise<void> {
  const [found] = await readPipeline(target, [existsCommand(target)])
  if (Number(found) > 0) return
  const { connection, prefix, queue, redis } = target
  throw new RunbookError(
    'RUNBOOK_CHECK_FAILED',
    `connection ${connection}: database ${redis.options.db ?? 0} of this Redis has no queue ${prefix}:${queue}: check "prefix", "queue" and the address`,
  )
}
