import type { JsonObject } from '../../src/core/json.ts'
import type { BullmqTarget } from '../../src/targets/targets.ts'
import { COUNTER_FIELDS, jobCounters } from './job-counters.ts'
import { isInFuture } from './queue-clocks.ts'
import { jobStates, type JobState } from './read-jobs.ts'
import { isMarker, readyTimes } from './ready-times.ts'
import { readTexts } from './read-texts.ts'
import { readPipeline } from './redis-pipeline.ts'

/** How many jobs are compared at the end of a list from which workers take jobs. BullMQ also puts `lifo` jobs and returned jobs there. */
const MAX_TAIL = 100
/** How many jobs are compared at the end of a list at which jobs are added. */
const MAX_HEAD = 10
/** How many priorities are compared. For each priority, the job that workers take first is read. */
const MAX_PRIORITIES = 50
const MAX_ACTIVE = 500
const ONE_PRIORITY = 0x1_0000_0000

export interface OldestJobs {
  fields: JsonObject
  /** False if another job may have been waiting or active for longer than the job that was found. */
  isComplete: boolean
}

interface Candidates {
  ids: string[]
  isComplete: boolean
}

/** The job that has waited longest since it became ready, and the job that has been active longest. */
export async function oldestJobs(target: BullmqTarget): Promise<OldestJobs> {
  const [wait, paused, prioritized, active] = await Promise.all([
    candidatesOfList(target, 'wait'),
    candidatesOfList(target, 'paused'),
    candidatesOfPriorities(target),
    activeTimes(target),
  ])
  const waiting = [...new Set([...wait.ids, ...paused.ids, ...prioritized.ids])]
  const ready = await readyTimes(target, waiting)
  const oldestWaiting = oldest(ready)
  const oldestActive = oldest(active.times)
  const isComplete =
    [wait, paused, prioritized, active].every((one) => one.isComplete) &&
    (await haveLeft(target, unknownOf(ready), MAY_WAIT)) &&
    (await haveLeft(target, unknownOf(active.times), MAY_BE_ACTIVE))
  return {
    fields: {
      oldestWaitingMs: oldestWaiting.ms,
      oldestWaitingJob: oldestWaiting.id,
      oldestActiveMs: oldestActive.ms,
      oldestActiveJob: oldestActive.id,
    },
    isComplete,
  }
}

export const MAY_WAIT: JobState[] = ['waiting', 'prioritized', 'unknown', 'unsearched']
export const MAY_BE_ACTIVE: JobState[] = ['active', 'unknown', 'unsearched']

function unknownOf(times: Map<string, number | null>): string[] {
  return [...times].flatMap(([id, at]) => (at === null ? [id] : []))
}

/**
 * Whether none of the jobs is in one of these states now. In a busy queue, jobs are taken or end after their ids were read; then their
 * times are unknown and not needed.
 */
export async function haveLeft(target: BullmqTarget, ids: string[], states: JobState[]): Promise<boolean> {
  return [...(await jobStates(target, ids)).values()].every((state) => !states.includes(state))
}

/** BullMQ adds jobs at the head and takes them from the tail. */
async function candidatesOfList(target: BullmqTarget, list: string): Promise<Candidates> {
  const key = `${target.base}:${list}`
  const [length, head, tail, byPriority] = (await readPipeline(target, [
    ['llen', key],
    ['lrange', key, 0, MAX_HEAD - 1],
    ['lrange', key, -MAX_TAIL, -1],
    ['zcard', `${target.base}:priority`],
  ])) as [number, string[], string[], number]
  const ids = [...new Set([...head, ...tail])].filter((id) => !isMarker(id))
  if (length <= MAX_TAIL) return { ids, isComplete: true }
  // BullMQ 3 puts jobs into the middle of the list, by their priority.
  return { ids, isComplete: byPriority === 0 && (await wasAddedAtHead(target, tail[0]!)) }
}

/** Whether the job was added at the head of the list. If it was, all jobs nearer to the head were added later. */
async function wasAddedAtHead(target: BullmqTarget, id: string): Promise<boolean> {
  const key = `${target.base}:${id}`
  const [[processedOn, ...counters]] = (await readPipeline(target, [
    ['hmget', key, 'processedOn', ...COUNTER_FIELDS],
  ])) as [(string | null)[]]
  if (jobCounters(counters).attemptsStarted > 0 || processedOn != null) return false
  const [opts] = await readTexts(target, [key], ['opts'])
  if (opts!.notRead.length > 0) return false
  try {
    return (JSON.parse(opts!.values[0] ?? '{}') as { lifo?: unknown } | null)?.lifo !== true
  } catch {
    return false
  }
}

/** Within one priority BullMQ takes the jobs in the order in which they became ready. */
async function candidatesOfPriorities(target: BullmqTarget): Promise<Candidates> {
  const ids: string[] = []
  for (let from = 0; ids.length < MAX_PRIORITIES;) {
    const [reply] = (await readPipeline(target, [
      ['zrange', `${target.base}:prioritized`, from, '+inf', 'BYSCORE', 'LIMIT', 0, 1, 'WITHSCORES'],
    ])) as [string[]]
    if (reply.length === 0) return { ids, isComplete: true }
    ids.push(reply[0]!)
    from = (Math.floor(Number(reply[1]) / ONE_PRIORITY) + 1) * ONE_PRIORITY
  }
  return { ids, isComplete: false }
}

async function activeTimes(target: BullmqTarget): Promise<{ times: Map<string, number | null>; isComplete: boolean }> {
  const [length, ids] = (await readPipeline(target, [
    ['llen', `${target.base}:active`],
    ['lrange', `${target.base}:active`, -MAX_ACTIVE, -1],
  ])) as [number, string[]]
  const replies = (await readPipeline(
    target,
    ids.map((id) => ['hget', `${target.base}:${id}`, 'processedOn']),
  )) as (string | null)[]
  const now = Date.now()
  const times = new Map(
    ids.map((id, i) => {
      const at = Number(replies[i] ?? NaN)
      return [id, Number.isNaN(at) || isInFuture(at, now) ? null : at]
    }),
  )
  return { times, isComplete: length <= MAX_ACTIVE }
}

/** Jobs without a known time are ignored. */
function oldest(times: Map<string, number | null>): { id: string | null; ms: number | null } {
  let first: { id: string; at: number } | null = null
  for (const [id, at] of times) if (at !== null && at > 0 && (first === null || at < first.at)) first = { id, at }
  return { id: first?.id ?? null, ms: first === null ? null : Math.max(0, Date.now() - first.at) }
}
