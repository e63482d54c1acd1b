import { MAX_ROWS } from '../../src/core/evidence.ts'
import type { JsonObject } from '../../src/core/json.ts'
import { RunbookError } from '../../src/core/errors.ts'
import type { BullmqTarget } from '../../src/targets/targets.ts'
import { capRows } from '../limit-result.ts'
import type { CheckImplementation } from './check.ts'
import { limitParameter, optionalDuration, optionalStrings, requiredString } from './check-parameters.ts'
import { isInFuture, isMarker, readyTimes } from './ready-times.ts'
import { parseJson, readJobs } from './read-jobs.ts'
import type { Job } from './read-jobs.ts'
import { readPipeline } from './redis-pipeline.ts'
import type { RedisCommand } from './redis-pipeline.ts'

/** The states whose lists are ordered by the time at which the job finished. */
const FINISHED = ['failed', 'completed']

export const bullmqJobs: CheckImplementation = async (parameters, { targets, signal }) => {
  const target = await targets.bullmq(requiredString(parameters, 'connection'), 'read')
  const ids = optionalStrings(parameters, 'ids')
  const states = optionalStrings(parameters, 'states')
  if ((ids === undefined) === (states === undefined))
    throw new RunbookError('RUNBOOK_CHECK_FAILED', 'set either ids or states, not both')
  const since = sinceMs(parameters, states ?? [])
  const limit = ids ? MAX_ROWS : limitParameter(parameters, 'limit', 100, MAX_ROWS)
  const wantedIds = ids ? [...new Set(ids)] : await idsInStates(target, states!, limit + 1, since)
  const jobs = await readJobs(target, wantedIds.slice(0, limit))
  // A job may have moved to another state since its id was read.
  const shown = states ? jobs.filter((job) => states.includes(job.state)) : jobs
  const ready = await readyTimes(
    target,
    shown.filter(isWaiting).map(({ id }) => id),
  )
  const now = Date.now()
  const isIncomplete = jobs.some(({ state, notRead }) => state === 'unsearched' || notRead.length > 0)
  const rows = toRows(shown, ready, now)
  return capRows(rows, { truncated: wantedIds.length > limit || isIncomplete }, target.redact, signal)
}

function* toRows(jobs: Job[], ready: Map<string, number | null>, now: number): Generator<JsonObject> {
  for (const job of jobs) yield toRow(job, ready.get(job.id) ?? null, now)
}

/** From when on jobs count, in milliseconds since the epoch; 0: all of them. Only finished jobs have such a time. */
function sinceMs(parameters: JsonObject, states: string[]): number {
  const since = optionalDuration(parameters, 'since')
  if (since === undefined) return 0
  if (states.length === 0 || !states.every((state) => FINISHED.includes(state)))
    throw new RunbookError('RUNBOOK_CHECK_FAILED', 'since can only be used with the states failed and completed')
  return Date.now() - since
}

/** At most `max` ids, in the order of the states. Oldest first; for `failed` and `completed` newest first. */
async function idsInStates(target: BullmqTarget, states: string[], max: number, since: number): Promise<string[]> {
  const ranges = states.flatMap((state) => rangesOf(target, state, max, since))
  const replies = (await readPipeline(target, ranges)) as string[][]
  const inOrder = replies.map((ids, i) => (ranges[i]![0] === 'lrange' ? ids.reverse() : ids))
  return [...new Set(inOrder.flat().filter((id) => !isMarker(id)))].slice(0, max)
}

function rangesOf(target: BullmqTarget, state: string, max: number, since: number): RedisCommand[] {
  const key = (part: string) => `${target.base}:${part}`
  switch (state) {
    case 'waiting':
      // One more entry is read, because one can be a marker that is no job. BullMQ before 6 keeps the jobs of a paused
      // queue in `paused`.
      return [
        ['lrange', key('wait'), -max - 1, -1],
        ['lrange', key('paused'), -max, -1],
      ]
    case 'active':
      return [['lrange', key('active'), -max, -1]]
    case 'prioritized':
    case 'delayed':
    case 'waiting-children':
      return [['zrange', key(state), 0, max - 1]]
    case 'failed':
    case 'completed':
      // Their score is the time at which the job finished.
      return [['zrange', key(state), '+inf', since, 'BYSCORE', 'REV', 'LIMIT', 0, max]]
    default:
      throw new RunbookError(
        'RUNBOOK_CHECK_FAILED',
        `unknown job state "${state}". Use waiting, prioritized, active, delayed, waiting-children, failed or completed`,
      )
  }
}

function msSince(at: number | null, now: number): number | null {
  return at === null || isInFuture(at, now) ? null : Math.max(0, now - at)
}

function isWaiting({ state }: Pick<Job, 'state'>): boolean {
  return state === 'waiting' || state === 'prioritized'
}

function toRow({ dataText, ...job }: Job, readyAt: number | null, now: number): JsonObject {
  return {
    ...job,
    data: parseJson(dataText),
    waitingMs: isWaiting(job) && readyAt !== null ? Math.max(0, now - readyAt) : null,
    activeMs: job.state === 'active' ? msSince(job.processedOn, now) : null,
  }
}
