import { setTimeout as sleep } from 'node:timers/promises'
import { messageOf, RunbookError } from '../../src/core/errors.ts'
import type { JsonObject } from '../../src/core/json.ts'
import { explainRedis } from '../../src/targets/explain-redis.ts'
import type { BullmqTarget } from '../../src/targets/targets.ts'
import { capResult } from '../limit-result.ts'
import type { CheckImplementation } from './check.ts'
import { optionalBool, requiredString } from './check-parameters.ts'
import { oldestJobs } from './oldest-jobs.ts'
import { isMarker } from './ready-times.ts'
import { requireEqualClocks } from './queue-clocks.ts'
import { existsCommand, requireNotBull } from './queue-exists.ts'
import { readPipeline, readReplies } from './redis-pipeline.ts'

const MAX_NAMES = 100
/**
 * The factor in the score of a delayed job. The score is the time at which the job is due, in ms, multiplied by this number, plus a
 * counter.
 */
const DELAYED_SCORE = 0x1000

export const bullmqQueue: CheckImplementation = async (parameters, { targets, signal, timeoutMs }) => {
  const target = await targets.bullmq(requiredString(parameters, 'connection'), 'read')
  const watch = optionalBool(parameters, 'watchStalledCheck') ?? false
  // The sampling of the key takes place before the counts are read, so that the counts are not a minute old.
  const stalledChecker = watch ? await watchStalledCheck(target, signal, timeoutMs) : await hasStalledCheck(target)
  return capResult({ ...(await readQueueState(target)), stalledChecker }, target.redact)
}

async function readQueueState(target: BullmqTarget): Promise<JsonObject> {
  const key = (part: string) => `${target.base}:${part}`
  const replies = await readPipeline(target, [
    existsCommand(target),
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
    ['lrange', key('wait'), 0, 0],
    ['lrange', key('wait'), -1, -1],
    ['zcount', key('delayed'), '-inf', Date.now() * DELAYED_SCORE],
    ['zrange', key('delayed'), 0, 0, 'WITHSCORES'],
    ['lrange', key('paused'), 0, 0],
    ['lrange', key('paused'), -1, -1],
    ['type', key('groups')],
  ])
  if (replies.at(-1) === 'zset')
    throw new RunbookError(
      'RUNBOOK_CHECK_FAILED',
      `connection ${target.connection}: the queue has groups of BullMQ Pro, whose jobs this check cannot read, so its counts would be wrong`,
    )
  const [exists, meta, wait, paused, prioritized, active, delayed, failed, completed, waitingChildren] = replies
  const [pausedMark, concurrency, max] = meta as (string | null)[]
  const [first, last, overdue, nextDelayed] = replies.slice(12) as [string[], string[], number, string[]]
  const [firstPaused, lastPaused] = replies.slice(16) as [string[], string[]]
  const markers = new Set([...first, ...last].filter(isMarker)).size
  const inPausedList = Number(paused) - new Set([...firstPaused, ...lastPaused].filter(isMarker)).size
  const [workers, oldest] = await Promise.all([
    readWorkers(target),
    oldestJobs(target),
    requireEqualClocks(target),
    requireNotBull(target),
  ])
  return {
    exists: Number(exists) > 0,
    paused: pausedMark !== null,
    waiting: Number(wait) - markers + inPausedList,
    strandedJobs: pausedMark === null ? inPausedList : 0,
    prioritized: Number(prioritized),
    active: Number(active),
    delayed: Number(delayed),
    overdue,
    oldestOverdueMs: overdue > 0 ? Math.max(0, Date.now() - Math.floor(Number(nextDelayed[1]) / DELAYED_SCORE)) : null,
    failed: Number(failed),
    completed: Number(completed),
    waitingChildren: Number(waitingChildren),
    workers: workers.names.length,
    workerNames: workers.names.filter((name) => name !== '').slice(0, MAX_NAMES),
    workersUnknown: !workers.areKnown,
    concurrency: concurrency == null ? null : Number(concurrency),
    ...rateLimit(max ?? null, replies[10] as string | null, Number(replies[11])),
    ...oldest.fields,
    truncated: !workers.areKnown || !oldest.isComplete,
  }
}

/**
 * Whether BullMQ's rate limit is used up: its counter has reached the maximum. `meta` holds the maximum of a global limit only;
 * `worker.rateLimit()` sets the counter to the largest safe integer.
 */
function rateLimit(max: string | null, counter: string | null, ttlMs: number): JsonObject {
  const limit = max === null ? Number.MAX_SAFE_INTEGER : Number(max)
  const count = counter === null ? null : Number(counter)
  const usedUp = count !== null && count >= limit && ttlMs > 0
  return { rateLimitMax: max === null ? null : limit, rateLimitCount: count, rateLimitTtlMs: usedUp ? ttlMs : null }
}

interface Workers {
  /** The name of each worker; empty for a worker without a name. */
  names: string[]
  /** False if there may be more workers than `names` holds. */
  areKnown: boolean
}

/**
 * Reads the workers from the list of clients. A replica does not list the clients of its primary server. Without INFO it is unknown whether
 * the server is a replica.
 */
async function readWorkers(target: BullmqTarget): Promise<Workers> {
  const [list, info] = await readReplies(target, [
    ['client', 'list'],
    ['info', 'replication'],
  ])
  if (list && 'refused' in list) {
    if (!isNotAllowed(list.refused)) throw checkFailure(target, 'CLIENT LIST', list.refused)
    return { names: [], areKnown: false }
  }
  const isPrimary = info !== undefined && 'value' in info && /^role:master/m.test(String(info.value))
  const clients = parseClients(String(list?.value), target)
  return { names: clients.names, areKnown: isPrimary && clients.unnamedBlocking === 0 }
}

/** Some hosted Redis servers forbid or disable a command that is used here. */
function isNotAllowed(error: unknown): boolean {
  return /^(NOPERM|ERR unknown (sub)?command|ERR.*(not allowed|not supported|disabled))/i.test(messageOf(error))
}

/**
 * BullMQ names a worker's blocking connection `<prefix>:<base64 of the queue>`, followed by `:w:<name>` if the worker has one. Workers in
 * other languages do not set a name, so a connection without a name that waits like a worker may be a worker of this queue.
 */
function parseClients(
  clientList: string,
  { prefix, queue, redis }: BullmqTarget,
): { names: string[]; unnamedBlocking: number } {
  const base = `${prefix}:${Buffer.from(queue).toString('base64')}`
  let unnamedBlocking = 0
  // A worker of another database has the same name, and takes no job of this queue.
  const sameDatabase = ` db=${redis.options.db ?? 0} `
  const names = clientList.split('\n').flatMap((line) => {
    if (!line.includes(sameDatabase)) return []
    const name = / name=(\S*)/.exec(line)?.[1]
    if (name === '' && / cmd=(bzpopmin|brpoplpush) /.test(line)) unnamedBlocking++
    if (name === base) return ['']
    return name?.startsWith(`${base}:w:`) ? [name.slice(base.length + 3)] : []
  })
  return { names, unnamedBlocking }
}

function checkFailure(target: BullmqTarget, command: string, error: unknown): RunbookError {
  const message = `connection ${target.connection}: ${command}: ${explainRedis(error)}`
  return new RunbookError('RUNBOOK_CHECK_FAILED', message, {}, error)
}

/**
 * Samples the key of the stalled check. Returns true if the key was seen, otherwise null, because one sample cannot prove that no worker
 * checks.
 */
async function hasStalledCheck(target: BullmqTarget): Promise<boolean | null> {
  const [exists] = await readPipeline(target, [['exists', `${target.base}:stalled-check`]])
  return exists === 1 ? true : null
}

/**
 * Samples the key of the stalled check for two intervals. The key expires after one interval, and the next check sets it again. If it is
 * absent for two intervals, no worker checks.
 */
async function watchStalledCheck(target: BullmqTarget, signal: AbortSignal, timeoutMs: number): Promise<boolean> {
  const watchMs = 2 * target.stalledIntervalMs
  if (timeoutMs < watchMs + 1_000)
    throw new RunbookError(
      'RUNBOOK_CHECK_FAILED',
      `watchStalledCheck samples for ${watchMs / 1000}s (two stalledIntervals of connection ${target.connection}): ` +
        `the check's timeout of ${timeoutMs / 1000}s must be at least ${watchMs / 1000 + 1}s`,
    )
  const everyMs = Math.max(20, Math.min(250, target.stalledIntervalMs / 20))
  // Not the time of day: if it is set forward, the watch would end after one sample.
  const end = performance.now() + watchMs
  for (;;) {
    if (await hasStalledCheck(target)) return true
    if (performance.now() >= end) return false
    await sleep(everyMs, undefined, { signal })
  }
}
