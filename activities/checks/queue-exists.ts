import { RunbookError } from '../../src/core/errors.ts'
import type { BullmqTarget } from '../../src/targets/targets.ts'
import { readPipeline, type RedisCommand } from './redis-pipeline.ts'

/** The keys of which every queue of BullMQ has at least one. Bull, the predecessor of BullMQ, writes neither. */
const OF_BULLMQ = ['meta', 'events']
/** Other keys of a queue. `meta-paused` is the mark of a paused queue of Bull. */
const OTHERS = ['id', 'wait', 'paused', 'prioritized', 'active', 'delayed', 'failed', 'completed', 'meta-paused']

/** What a gate and a check say about a queue of Bull. */
export const MADE_BY_BULL =
  'the queue has jobs but neither of the keys "meta" and "events" that BullMQ writes: it is probably a queue of Bull, which is not supported'

/** Counts the keys that a queue has. BullMQ writes the first when an application opens the queue. */
export function existsCommand(target: BullmqTarget): RedisCommand {
  return existing(target, [...OF_BULLMQ, ...OTHERS])
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
 * Whether another program than BullMQ made the queue. Bull has the same names for lists and jobs, but marks a paused queue in another key and
 * loses a job that is added to `wait` while the queue is paused.
 */
export async function isMadeByBull(target: BullmqTarget): Promise<boolean> {
  const [ofBullmq, others] = await readPipeline(target, [existing(target, OF_BULLMQ), existing(target, OTHERS)])
  return Number(ofBullmq) === 0 && Number(others) > 0
}

/** Throws RUNBOOK_CHECK_FAILED for a queue of Bull, because its state would be read wrongly. */
export async function requireBullmq(target: BullmqTarget): Promise<void> {
  if (await isMadeByBull(target))
    throw new RunbookError('RUNBOOK_CHECK_FAILED', `connection ${target.connection}: ${MADE_BY_BULL}`)
}

function existing({ base }: BullmqTarget, parts: string[]): RedisCommand {
  return ['exists', ...parts.map((part) => `${base}:${part}`)]
}
