import { MAX_ROWS } from '../../src/core/evidence.ts'
import type { JsonObject } from '../../src/core/json.ts'
import { RunbookError } from '../../src/core/errors.ts'
import type { BullmqTarget } from '../../src/targets/targets.ts'
import { capRows } from '../limit-result.ts'
import type { CheckImplementation } from './check.ts'
import { limitParameter, optionalDuration, optionalStrings, requiredString } from './check-parameters.ts'
import { haveLeft, MAY_BE_ACTIVE, MAY_WAIT } from './oldest-jobs.ts'
import { isInFuture, requireEqualClocks } from './queue-clocks.ts'
import { isMarker, readyTimes } from './ready-times.ts'
import { parseJson, readJobs } from './read-jobs.ts'
import type { Job } from './read-jobs.ts'
import { requireNotBull, requireQueue } from './queue-exists.ts'
import { readPipeline } from './redis-pipeline.ts'
import type { RedisCommand } from './redis-pipeline.ts'

/** The states whose lists are ordered by the time at which a job finished. */
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
  if (states && wantedIds.length === 0) await requireQueue(target)
  const [jobs] = await Promise.all([
    readJobs(target, wantedIds.slice(0, limit)),
    requireEqualClocks(target),
    requireNotBull(target),
  ])
  // A job may have moved to another state since its id was read.
  const shown = states ? jobs.filter((job) => states.includes(job.state)) : jobs
  const ready = await readyTimes(target, idsOf(shown.filter(isWaiting)))
  const now = Date.now()
  const isIncomplete = jobs.some(({ state, notRead }) => state === 'unsearched' || notRead.length > 0)
  const ageless = shown.filter((job) => ageOf(job, ready, now) === undefined)
  const [waiting, active] = [ageless.filter(isWaiting), ageless.filter((job) => !isWaiting(job))].map(idsOf)
  const areAgesKnown = (await haveLeft(target, waiting!, MAY_WAIT)) && (await haveLeft(target, active!, MAY_BE_ACTIVE))
  const truncated = wantedIds.length > limit || isIncomplete || !areAgesKnown
  return capRows(toRows(shown, ready, now), { truncated }, target.redact, signal)
}

function idsOf(jobs: Job[]): string[] {
  return jobs.map(({ id }) => id)
}

function* toRows(jobs: Job[], ready: Map<string, number | null>, now: number): Generator<JsonObject> {
  for (const { dataText, ...job } of jobs) {
    const age = ageOf(job, ready, now) ?? null
    yield {
      ...job,
      data: parseJson(dataText),
      waitingMs: isWaiting(job) ? age : null,
      activeMs: job.state === 'active' ? age : null,
    }
  }
}

/** How long a job has been waiting or active, in milliseconds; null in other states, undefined if it is not known. */
function ageOf(
  { id, state, processedOn }: Pick<Job, 'id' | 'state' | 'processedOn'>,
  ready: Map<string, number | null>,
  now: number,
): number | null | undefined {
  if (!isWaiting({ state }) && state !== 'active') return null
  const since = state === 'active' ? processedOn : (ready.get(id) ?? null)
  return since === null || isInFuture(since, now) ? undefined : Math.max(0, now - since)
}

/** The time from which jobs are counted, in milliseconds since the epoch; 0 counts all jobs. Only finished jobs have such a time. */
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
      // The score of a finished job is the time at which it finished.
      return [['zrange', key(state), '+inf', since, 'BYSCORE', 'REV', 'LIMIT', 0, max]]
    default:
      throw new RunbookError(
        'RUNBOOK_CHECK_FAILED',
        `unknown job state "${state}". Use waiting, prioritized, active, delayed, waiting-children, failed or completed`,
      )
  }
}

function isWaiting({ state }: Pick<Job, 'state'>): boolean {
  return state === 'waiting' || state === 'prioritized'
}
