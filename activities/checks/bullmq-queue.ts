import { setTimeout as sleep } from 'node:timers/promises'
import { RunbookError } from '../../src/core/errors.ts'
import type { JsonObject } from '../../src/core/json.ts'
import type { BullmqTarget } from '../../src/targets/targets.ts'
import { capResult } from '../limit-result.ts'
import type { CheckImplementation } from './check.ts'
import { optionalBool, requiredString } from './check-parameters.ts'
import { readPipeline } from './redis-pipeline.ts'
import type { RedisCommand } from './redis-pipeline.ts'

/** How many jobs at each end of a list are compared to find the one that waits longest. */
const JOBS_PER_END = 10
const MAX_ACTIVE = 500
const MAX_NAMES = 100

export const bullmqQueue: CheckImplementation = async (parameters, { targets, signal, timeoutMs }) => {
  const target = await targets.bullmq(requiredString(parameters, 'connection'), 'read')
  const watch = optionalBool(parameters, 'watchStalledCheck') ?? false
  // Watch first, so that the counts are current and not a minute old.
  const stalledChecker = watch ? await watchStalledCheck(target, signal, timeoutMs) : await hasStalledCheck(target)
  return capResult({ ...(await readQueueState(target)), stalledChecker }, target.redact)
}

async function readQueueState(target: BullmqTarget): Promise<JsonObject> {
  const key = (part: string) => `${target.base}:${part}`
  const parts = ['meta', 'id', 'events', 'wait', 'prioritized', 'active', 'delayed', 'failed', 'completed']
  const replies = await readPipeline(target, [
    ['exists', ...parts.map(key)],
    ['hmget', key('meta'), 'paused', 'concurrency', 'max'],
    ['llen', key('wait')],
    ['llen', key('paused')],
    ['zcard', key('prioritized')],
    ['llen', key('active')],
    ['zcard', key('delayed')],
    ['zcard', key('failed')],
    ['zcard', key('completed')],
    ['zcard', key('waiting-children')],
    ['get', key('limiter')],
    ['pttl', key('limiter')],
    ['client', 'list'],
  ])
  const [exists, meta, wait, paused, prioritized, active, delayed, failed, completed, waitingChildren] = replies
  const [pausedMark, concurrency, max] = meta as (string | null)[]
  const workers = workerNames(String(replies[12]), target)
  return {
    exists: Number(exists) > 0,
    paused: pausedMark !== null,
    waiting: Number(wait) + Number(paused),
    prioritized: Number(prioritized),
    active: Number(active),
    delayed: Number(delayed),
    failed: Number(failed),
    completed: Number(completed),
    waitingChildren: Number(waitingChildren),
    workers: workers.length,
    workerNames: workers.filter((name) => name !== '').slice(0, MAX_NAMES),
    concurrency: concurrency == null ? null : Number(concurrency),
    ...rateLimit(max ?? null, replies[10] as string | null, Number(replies[11])),
    ...(await oldestJobs(target)),
  }
}

/**
 * BullMQ's rate limit is used up when its counter reaches the maximum. `meta` holds the maximum of a global limit only;
 * `worker.rateLimit()` sets the counter to the largest safe integer.
 */
function rateLimit(max: string | null, counter: string | null, ttlMs: number): JsonObject {
  const limit = max === null ? Number.MAX_SAFE_INTEGER : Number(max)
  const count = counter === null ? null : Number(counter)
  const usedUp = count !== null && count >= limit && ttlMs > 0
  return { rateLimitMax: max === null ? null : limit, rateLimitCount: count, rateLimitTtlMs: usedUp ? ttlMs : null }
}

/** BullMQ names a worker's blocking connection `<prefix>:<base64 of the queue>`, followed by `:w:<name>` if the worker has one. */
function workerNames(clientList: string, { prefix, queue }: { prefix: string; queue: string }): string[] {
  const base = `${prefix}:${Buffer.from(queue).toString('base64')}`
  return clientList.split('\n').flatMap((line) => {
    const name = / name=(\S*)/.exec(line)?.[1]
    if (name === base) return ['']
    return name?.startsWith(`${base}:w:`) ? [name.slice(base.length + 3)] : []
  })
}

async function oldestJobs(target: BullmqTarget): Promise<JsonObject> {
  const key = (part: string) => `${target.base}:${part}`
  const [head, tail, first, last, running] = (await readPipeline(target, [
    ['lrange', key('wait'), -JOBS_PER_END, -1],
    ['lrange', key('wait'), 0, JOBS_PER_END - 1],
    ['zrange', key('prioritized'), 0, JOBS_PER_END - 1],
    ['zrange', key('prioritized'), -JOBS_PER_END, -1],
    ['lrange', key('active'), -MAX_ACTIVE, -1],
  ])) as string[][]
  const waiting = [...new Set([...head!, ...tail!, ...first!, ...last!])]
  const active = running!
  const times = (await readPipeline(
    target,
    [...waiting, ...active].map((id): RedisCommand => ['hmget', key(id), 'timestamp', 'processedOn']),
  )) as (string | null)[][]
  const oldestWaiting = oldest(waiting, (i) => Math.max(Number(times[i]![0] ?? 0), Number(times[i]![1] ?? 0)))
  const oldestActive = oldest(active, (i) => Number(times[waiting.length + i]![1] ?? 0))
  return {
    oldestWaitingMs: oldestWaiting.ms,
    oldestWaitingJob: oldestWaiting.id,
    oldestActiveMs: oldestActive.ms,
    oldestActiveJob: oldestActive.id,
  }
}

/** The id with the earliest time; ids without a known time (0) are ignored. */
function oldest(ids: string[], timeOf: (index: number) => number): { id: string | null; ms: number | null } {
  const dated = ids.map((id, i) => ({ id, at: timeOf(i) })).filter(({ at }) => at > 0)
  const first = dated.reduce<{ id: string; at: number } | null>((a, b) => (a && a.at <= b.at ? a : b), null)
  return { id: first?.id ?? null, ms: first ? Math.max(0, Date.now() - first.at) : null }
}

/** True, or null: one sample cannot prove that no worker checks. */
async function hasStalledCheck(target: BullmqTarget): Promise<boolean | null> {
  const [exists] = await readPipeline(target, [['exists', `${target.base}:stalled-check`]])
  return exists === 1 ? true : null
}

/** The key expires after one interval, and the next check sets it again: if it is absent for two intervals, no worker checks. */
async function watchStalledCheck(target: BullmqTarget, signal: AbortSignal, timeoutMs: number): Promise<boolean> {
  const watchMs = 2 * target.stalledIntervalMs
  if (timeoutMs < watchMs + 1_000)
    throw new RunbookError(
      'RUNBOOK_CHECK_FAILED',
      `watchStalledCheck samples for ${watchMs / 1000}s (two stalledIntervals of connection ${target.connection}): ` +
        `the check's timeout of ${timeoutMs / 1000}s must be at least ${watchMs / 1000 + 1}s`,
    )
  const everyMs = Math.max(20, Math.min(250, target.stalledIntervalMs / 20))
  const end = Date.now() + watchMs
  for (;;) {
    if (await hasStalledCheck(target)) return true
    if (Date.now() >= end) return false
    await sleep(everyMs, undefined, { signal })
  }
}
