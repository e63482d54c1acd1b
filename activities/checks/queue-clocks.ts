import { RunbookError } from '../../src/core/errors.ts'
import { MAX_CLOCK_DIFFERENCE_MS } from '../../src/targets/clock-difference.ts'
import type { BullmqTarget } from '../../src/targets/targets.ts'
import { newestEvents } from './queue-events.ts'
import { readPipeline, readReplies } from './redis-pipeline.ts'

/** By how much a time may be later than now. */
const MAX_IN_FUTURE_MS = 5_000
/** How many jobs must show the same difference. One is not enough: a worker that was cut off for a while sends its command late, although its clock is right. */
const MIN_JOBS = 3
const NEWEST_EVENTS = 24
/** The field that the application writes at the same moment as Redis stores the event. */
const FIELDS: Record<string, string> = { active: 'processedOn', completed: 'finishedOn', failed: 'finishedOn' }

/** Whether another computer wrote a time that has not come here: its clock is wrong, or ours. Then nobody knows how long ago it was. */
export function isInFuture(at: number, now: number): boolean {
  return at > now + MAX_IN_FUTURE_MS
}

/**
 * Throws RUNBOOK_CHECK_FAILED if the clock of the Redis server differs from that of this worker, or from that of the application: an age is a
 * difference between two clocks. A server that does not allow INFO does not show its clock.
 */
export async function requireEqualClocks(target: BullmqTarget): Promise<void> {
  const [worker, application] = await Promise.all([differenceToServer(target), differenceOfApplication(target)])
  const [owner, ms] = worker === undefined ? ['the application', application] : ['this worker', worker]
  if (ms === undefined) return
  const seconds = Math.round(ms / 1000)
  throw new RunbookError(
    'RUNBOOK_CHECK_FAILED',
    `connection ${target.connection}: the clocks of ${owner} and of the Redis server differ by ${seconds} s, so nobody knows how old a job is: correct the clock that is wrong`,
  )
}

async function differenceToServer(target: BullmqTarget): Promise<number | undefined> {
  const before = Date.now()
  const [info] = await readReplies(target, [['info', 'server']])
  const after = Date.now()
  const text = info && 'value' in info ? String(info.value) : ''
  const micros = /^server_time_usec:(\d+)/m.exec(text)?.[1]
  if (micros === undefined) return undefined
  const server = Number(micros) / 1000
  return largeOnly(Math.max(before - server, server - after))
}

/** The same difference for several jobs that started or ended a moment ago; undefined if it is small, or not the same for all of them. */
async function differenceOfApplication(target: BullmqTarget): Promise<number | undefined> {
  const newest = new Map<string, { at: number; field: string }>()
  let read = 0
  for await (const { at, event, job } of newestEvents(target)) {
    if (FIELDS[event] !== undefined && !newest.has(job)) newest.set(job, { at, field: FIELDS[event] })
    if (++read === NEWEST_EVENTS) break
  }
  if (newest.size < MIN_JOBS) return undefined
  const replies = (await readPipeline(
    target,
    [...newest].map(([job, { field }]) => ['hget', `${target.base}:${job}`, field]),
  )) as (string | null)[]
  const differences = [...newest.values()].flatMap(({ at }, i) =>
    replies[i] === null ? [] : [at - Number(replies[i])],
  )
  const [least, most] = [Math.min(...differences), Math.max(...differences)]
  if (differences.length < MIN_JOBS || most - least > MAX_CLOCK_DIFFERENCE_MS) return undefined
  return largeOnly(Math.min(Math.abs(least), Math.abs(most)))
}

function largeOnly(difference: number): number | undefined {
  return difference > MAX_CLOCK_DIFFERENCE_MS ? difference : undefined
}
