import { scrubSecrets } from '../../src/config/secret.ts'
import type { JsonObject } from '../../src/core/json.ts'
import { cutText } from '../../src/core/storable.ts'
import type { BullmqTarget } from '../../src/targets/targets.ts'
import { cleaned } from '../limit-result.ts'

/** A job as a preview shows it; never its data. */
export interface JobPreview {
  state: 'absent' | 'waiting' | 'prioritized' | 'delayed' | 'active' | 'completed' | 'failed' | 'other'
  held: boolean
  /** It has a parent job. */
  inFlow: boolean
  /** BullMQ continues the schedule when this job starts. */
  isNextOfScheduler: boolean
  priority: number
  queue: QueueState
  fields: JsonObject
}

interface QueueState {
  paused: boolean
  /** BullMQ before 6 keeps the jobs of a paused queue in a list of its own. */
  hasPausedList: boolean
  hasPrioritized: boolean
  /** Null: the queue does not name its version. */
  bullmqMajor: number | null
}

const MAX_REASON_LENGTH = 300
/** A longer reason is not read. */
const MAX_REASON_BYTES = 256 * 1024
const NUMBERS = ['atm', 'ats', 'stc', 'priority', 'processedOn'] as const

/** Reads one job with raw read-only commands. Fields that the connection redacts are hidden. */
export async function readJob(target: BullmqTarget, id: string): Promise<JobPreview> {
  const { redis, base, redact } = target
  const key = `${base}:${id}`
  const [type, lock, wait, paused, active, prioritized, delayed, completed, failed, queue] = await Promise.all([
    redis.type(key),
    redis.exists(`${key}:lock`),
    redis.lpos(`${base}:wait`, id),
    redis.lpos(`${base}:paused`, id),
    redis.lpos(`${base}:active`, id),
    redis.zscore(`${base}:prioritized`, id),
    redis.zscore(`${base}:delayed`, id),
    redis.zscore(`${base}:completed`, id),
    redis.zscore(`${base}:failed`, id),
    readQueue(target),
  ])
  const held = lock === 1
  const job = { held, queue, inFlow: false, isNextOfScheduler: false, priority: 0 }
  if (type !== 'hash') return { ...job, state: 'absent', fields: {} }
  const [texts, numbers, reason] = await Promise.all([
    redis.hmget(key, 'name', 'parentKey', 'rjk'),
    redis.hmget(key, ...NUMBERS),
    readReason(target, key),
  ])
  const [name, parent, scheduler] = texts
  const [attempts, starts, stalls, priority, processedOn] = numbers.map((text) => Number(text ?? 0))
  const places = { waiting: wait ?? paused, active, prioritized, delayed, completed, failed }
  const state = (Object.keys(places) as (keyof typeof places)[]).find((place) => places[place] !== null) ?? 'other'
  const fields: JsonObject = {
    id,
    name: name ?? '',
    state,
    lock: held ? 'held' : 'missing',
    attempts: attempts!,
    starts: starts!,
    stalls: stalls!,
    failedReason: reason,
  }
  return {
    ...job,
    state,
    inFlow: typeof parent === 'string',
    isNextOfScheduler: await isNextOfScheduler(target, id, scheduler ?? null, processedOn! > 0 || starts! > 0),
    priority: priority!,
    fields: cleaned(fields, redact) as JsonObject,
  }
}

async function readQueue({ redis, base }: BullmqTarget): Promise<QueueState> {
  const [meta, pausedList, prioritized] = await Promise.all([
    redis.hmget(`${base}:meta`, 'paused', 'version'),
    redis.exists(`${base}:paused`),
    redis.exists(`${base}:prioritized`),
  ])
  const major = /^bullmq:(\d+)\./.exec(meta[1] ?? '')?.[1]
  return {
    paused: meta[0] !== null,
    hasPausedList: pausedList === 1,
    hasPrioritized: prioritized === 1,
    bullmqMajor: major === undefined ? null : Number(major),
  }
}

/** The beginning of the reason, with its secrets hidden. Hidden before the text is cut: a part of a secret is not recognised. */
async function readReason({ redis }: BullmqTarget, key: string): Promise<string | null> {
  const length = await redis.hstrlen(key, 'failedReason')
  if (length > MAX_REASON_BYTES) return `(a text of ${length} bytes, not read)`
  const reason = await redis.hget(key, 'failedReason')
  return reason === null ? null : cutText(scrubSecrets(reason), MAX_REASON_LENGTH)
}

/** The same rule as in bullmq-quarantine.lua. */
async function isNextOfScheduler(
  { redis, base }: BullmqTarget,
  id: string,
  scheduler: string | null,
  started: boolean,
): Promise<boolean> {
  if (scheduler === null) return id.startsWith('repeat:') && !started
  const next = await redis.zscore(`${base}:repeat`, scheduler)
  return next !== null && (id.endsWith(`:${next}`) || !started)
}
