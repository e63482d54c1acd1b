import { scrubSecrets } from '../../src/config/secret.ts'
import { isJsonObject } from '../../src/core/json.ts'
import type { JsonObject } from '../../src/core/json.ts'
import { parseOutsideJson } from '../../src/core/parse-json.ts'
import { cutText } from '../../src/core/storable.ts'
import type { BullmqTarget } from '../../src/targets/targets.ts'
import { COUNTER_FIELDS, jobCounters } from '../checks/job-counters.ts'
import { isPausedByBull } from '../checks/queue-exists.ts'
import { cleaned } from '../limit-result.ts'

/** The parts of a job that a preview shows. The data of the job is never read. */
export interface JobPreview {
  state: 'absent' | 'waiting' | 'prioritized' | 'delayed' | 'active' | 'completed' | 'failed' | 'other'
  held: boolean
  /** Whether the job has a parent job. */
  inFlow: boolean
  /** Whether the job has child jobs that have not finished. */
  hasOpenChildren: boolean
  /** Whether a child job failed in such a way that the job cannot complete. */
  hasFailedChildren: boolean
  /** Whether the job belongs to a group of BullMQ Pro. */
  inGroup: boolean
  /** Another job that was added with the same deduplication id. */
  duplicate: string | null
  /** Whether the job is the next run of a job scheduler. BullMQ continues the schedule when this job starts. */
  isNextOfScheduler: boolean
  priority: number
  queue: QueueState
  fields: JsonObject
}

interface QueueState {
  /** Whether Bull, the predecessor of BullMQ, paused the queue. */
  isPausedByBull: boolean
  paused: boolean
  /** Whether the queue may have a list `paused`, in which BullMQ before 6 keeps the jobs of a paused queue. */
  hasPausedList: boolean
  hasPrioritized: boolean
  /** The major version of BullMQ; null if the queue does not name its version. */
  bullmqMajor: number | null
  /** Whether BullMQ fails a job that is marked (field `defa`). It does so since version 5.49.2. */
  knowsMarks: boolean
}

const MAX_REASON_LENGTH = 300
/** A text with more bytes than this is not read. */
const MAX_TEXT_BYTES = 256 * 1024
const NUMBERS = ['priority', 'processedOn', ...COUNTER_FIELDS] as const

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
  const none = {
    inFlow: false,
    hasOpenChildren: false,
    hasFailedChildren: false,
    inGroup: false,
    duplicate: null,
    isNextOfScheduler: false,
  }
  if (type !== 'hash') return { ...none, held, queue, priority: 0, state: 'absent', fields: {} }
  const [texts, numbers, reason, openChildren, failedChildren, inGroup, duplicate] = await Promise.all([
    redis.hmget(key, 'name', 'parentKey', 'rjk'),
    redis.hmget(key, ...NUMBERS),
    readReason(target, key),
    redis.exists(`${key}:dependencies`),
    redis.exists(`${key}:unsuccessful`),
    isInGroup(target, key),
    readDuplicate(target, id),
  ])
  const [name, parent, scheduler] = texts
  const [priority, processedOn] = numbers.map((text) => Number(text ?? 0))
  const counters = jobCounters(numbers.slice(2))
  const places = { waiting: wait ?? paused, active, prioritized, delayed, completed, failed }
  const state = (Object.keys(places) as (keyof typeof places)[]).find((place) => places[place] !== null) ?? 'other'
  const fields: JsonObject = {
    id,
    name: name ?? '',
    state,
    lock: held ? 'held' : 'missing',
    attempts: counters.attemptsMade,
    starts: counters.attemptsStarted,
    stalls: counters.stalls,
    failedReason: reason,
  }
  return {
    state,
    held,
    queue,
    hasOpenChildren: openChildren === 1,
    hasFailedChildren: failedChildren === 1,
    inGroup,
    duplicate,
    inFlow: typeof parent === 'string',
    isNextOfScheduler: await isNextOfScheduler(
      target,
      id,
      scheduler ?? null,
      processedOn! > 0 || counters.attemptsStarted > 0,
    ),
    priority: priority!,
    fields: cleaned(fields, redact) as JsonObject,
  }
}

async function readQueue(target: BullmqTarget): Promise<QueueState> {
  const { redis, base } = target
  const [pausedByBull, meta, pausedList, prioritized] = await Promise.all([
    isPausedByBull(target),
    redis.hmget(`${base}:meta`, 'paused', 'version'),
    redis.exists(`${base}:paused`),
    redis.exists(`${base}:prioritized`),
  ])
  const version = /^bullmq:(\d+)\.(\d+)\.(\d+)/.exec(meta[1] ?? '')
  const [major, minor, patch] = version ? version.slice(1).map(Number) : []
  return {
    isPausedByBull: pausedByBull,
    paused: meta[0] !== null,
    hasPausedList: pausedList === 1,
    hasPrioritized: prioritized === 1,
    bullmqMajor: major ?? null,
    knowsMarks: major !== undefined && (major - 5) * 1e6 + minor! * 1e3 + patch! >= 49_002,
  }
}

/** Whether the job belongs to a group of BullMQ Pro. The rule is the same as in src/effects/scripts. */
async function isInGroup({ redis }: BullmqTarget, key: string): Promise<boolean> {
  if ((await redis.hstrlen(key, 'opts')) > MAX_TEXT_BYTES) return false
  const options = parseOutsideJson((await redis.hget(key, 'opts')) ?? '')
  return isJsonObject(options) && isJsonObject(options['group'])
}

async function readDuplicate({ redis, base }: BullmqTarget, id: string): Promise<string | null> {
  const deduplication = await redis.hget(`${base}:${id}`, 'deid')
  const newest = deduplication === null ? null : await redis.get(`${base}:de:${deduplication}`)
  return newest === id ? null : newest
}

/**
 * The beginning of the reason of the failure. Secrets are hidden before the text is cut, because a part of a secret would not be
 * recognised.
 */
async function readReason({ redis }: BullmqTarget, key: string): Promise<string | null> {
  const length = await redis.hstrlen(key, 'failedReason')
  if (length > MAX_TEXT_BYTES) return `(a text of ${length} bytes, not read)`
  const reason = await redis.hget(key, 'failedReason')
  return reason === null ? null : cutText(scrubSecrets(reason), MAX_REASON_LENGTH)
}

/** Whether the job is the next run of a job scheduler. The rule is the same as in bullmq-quarantine.lua. */
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
