import { RunbookError } from '../../src/core/errors.ts'
import type { BullmqTarget } from '../../src/targets/targets.ts'
import { readPipeline, type RedisCommand } from './redis-pipeline.ts'

const PARTS = ['meta', 'id', 'events', 'wait', 'prioritized', 'active', 'delayed', 'failed', 'completed']

/** What a gate and a check say about a queue that Bull paused. */
export const PAUSED_BY_BULL =
  'Bull paused the queue (key "meta-paused"): queues of Bull, the predecessor of BullMQ, are not supported'

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

/**
 * Whether the queue belongs to Bull, which has the same names for lists and jobs as BullMQ, and is paused. Bull marks the pause in a key that
 * BullMQ does not read, and a job that is added to `wait` meanwhile is lost when Bull resumes the queue.
 */
export async function isPausedByBull(target: BullmqTarget): Promise<boolean> {
  const [found] = await readPipeline(target, [['exists', `${target.base}:meta-paused`]])
  return Number(found) > 0
}

/** Throws RUNBOOK_CHECK_FAILED for a queue that Bull paused, because it would be reported as not paused. */
export async function requireNotBull(target: BullmqTarget): Promise<void> {
  if (await isPausedByBull(target))
    throw new RunbookError('RUNBOOK_CHECK_FAILED', `connection ${target.connection}: ${PAUSED_BY_BULL}`)
}
