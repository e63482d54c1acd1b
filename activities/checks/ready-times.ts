import type { BullmqTarget } from '../../src/targets/targets.ts'
import { COUNTER_FIELDS, jobCounters } from './job-counters.ts'
import { isInFuture } from './queue-clocks.ts'
import { newestEvents } from './queue-events.ts'
import { readTexts } from './read-texts.ts'
import { readPipeline } from './redis-pipeline.ts'
import type { RedisCommand } from './redis-pipeline.ts'
import { Turns } from './turns.ts'

interface Ready {
  /** When the job became ready, in milliseconds since 1970; null if unknown. */
  at: number | null
  /** Whether only the queue's events say when the job became ready. `at` is then an estimate. */
  fromEvents: boolean
  /** The time of the job's last start, if it was started. */
  startedAt: number
}

/**
 * When each job became ready to be taken by a worker, in ms since the epoch. A job that was only added is ready since then. One that was
 * delayed, retried, returned by a worker, or that waited for its children became ready later: the queue's events say when. Null if the
 * queue no longer has these events, or if the time is in the future.
 */
export async function readyTimes(target: BullmqTarget, ids: string[]): Promise<Map<string, number | null>> {
  const now = Date.now()
  const ready = await estimate(target, ids, now)
  const unsure = new Map([...ready].filter(([, { fromEvents }]) => fromEvents))
  const events = unsure.size > 0 ? await waitingEvents(target, new Set(unsure.keys())) : new Map<string, number>()
  return new Map(
    [...ready].map(([id, { at, startedAt }]) => {
      const event = events.get(id)
      const readyAt = event !== undefined && event >= startedAt ? event : at
      return [id, readyAt !== null && isInFuture(readyAt, now) ? null : readyAt]
    }),
  )
}

async function estimate(target: BullmqTarget, ids: string[], now: number): Promise<Map<string, Ready>> {
  const key = (id: string) => `${target.base}:${id}`
  const [numbers, texts] = await Promise.all([
    readPipeline(
      target,
      ids.flatMap((id): RedisCommand[] => [
        ['hmget', key(id), 'timestamp', 'processedOn', ...COUNTER_FIELDS],
        ['exists', `${key(id)}:processed`, `${key(id)}:failed`, `${key(id)}:unsuccessful`],
      ]),
    ),
    readTexts(target, ids.map(key), ['opts']),
  ])
  const ready = new Map<string, Ready>()
  const turns = new Turns()
  for (const [i, id] of ids.entries()) {
    const [opts] = texts[i]!.notRead.length > 0 ? [undefined] : texts[i]!.values
    ready.set(id, estimateOne(numbers[2 * i] as (string | null)[], Number(numbers[2 * i + 1]) > 0, opts, now))
    if (turns.isOver(opts?.length ?? 0)) await turns.next()
  }
  return ready
}

/** Estimates the time from the job's own fields. `opts` is undefined if it was not read. */
function estimateOne(
  [added = null, started = null, ...counters]: (string | null)[],
  hadChildren: boolean,
  opts: string | null | undefined,
  now: number,
): Ready {
  const [timestamp, startedAt] = [Number(added ?? 0), Number(started ?? 0)]
  const { attemptsMade, attemptsStarted } = jobCounters(counters)
  const ran = startedAt > 0 || attemptsStarted > 0 || attemptsMade > 0
  if (timestamp <= 0 || ran || hadChildren) return { at: null, fromEvents: true, startedAt }
  const delay = opts === undefined ? null : delayOf(opts)
  if (delay === 0) return { at: timestamp, fromEvents: false, startedAt }
  const due = delay === null ? Infinity : timestamp + delay
  return { at: due <= now ? due : null, fromEvents: true, startedAt }
}

/** The marker that BullMQ before 5 puts into `wait` or `paused` to wake its workers: `0:` with a time, or `0:0`. */
export function isMarker(id: string): boolean {
  return /^0:\d+$/.test(id)
}

/** The job's delay; null if its options cannot be read. */
function delayOf(opts: string | null): number | null {
  try {
    const value = (JSON.parse(opts ?? '{}') as { delay?: unknown } | null)?.delay
    return typeof value === 'number' && value > 0 ? value : 0
  } catch {
    return null
  }
}

/** The time of each job's newest event `waiting`. */
async function waitingEvents(target: BullmqTarget, wanted: Set<string>): Promise<Map<string, number>> {
  const found = new Map<string, number>()
  for await (const { at, event, job } of newestEvents(target)) {
    if (event === 'waiting' && wanted.has(job) && !found.has(job)) found.set(job, at)
    if (found.size === wanted.size) break
  }
  return found
}
