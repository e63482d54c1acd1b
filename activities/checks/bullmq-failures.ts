import { scrubSecrets } from '../../src/config/secret.ts'
import type { JsonObject } from '../../src/core/json.ts'
import { parseOutsideJson } from '../../src/core/parse-json.ts'
import type { BullmqTarget } from '../../src/targets/targets.ts'
import { cutText } from '../../src/core/storable.ts'
import { capRows } from '../limit-result.ts'
import type { CheckImplementation } from './check.ts'
import { isEmptyReason, normaliseReason } from './normalise-reason.ts'
import { limitParameter, optionalDuration, requiredString } from './check-parameters.ts'
import { COUNTER_FIELDS, jobCounters } from './job-counters.ts'
import { maxAttempts } from './read-jobs.ts'
import { isInFuture, requireEqualClocks } from './queue-clocks.ts'
import { newestEvents } from './queue-events.ts'
import { requireNotBull, requireQueue } from './queue-exists.ts'
import { readTexts } from './read-texts.ts'
import { readPipeline } from './redis-pipeline.ts'
import { Turns } from './turns.ts'

const MAX_IDS = 50
const MAX_NAMES = 20
/** How many jobs are read at a time. With the limit for each field, they have at most 4 MB. */
const BATCH = 40
const MAX_EXAMPLE_LENGTH = 2_000

interface Failure {
  id: string
  /** The time at which the job failed, in milliseconds since 1970. */
  at: number
  name: string | null
  /** The normalised reason of the failure. */
  group: string
  /** The beginning of the original reason. */
  example: string
  exhausted: boolean
  /** False if one of its fields was too long to read. */
  isRead: boolean
}

/** The last events of a job that failed. */
const ENDS_OF_FAILED = new Set(['failed', 'retries-exhausted'])
const NO_REASON = '(no reason kept)'
const EMPTY_REASON = '(the reason is empty)'
const STACK_NOT_READ = '(the reason is empty, and the stack trace is too long to be read)'
const FIELDS = ['name', 'failedReason', 'opts', ...COUNTER_FIELDS]
/** Normalising a reason takes about as long as parsing a text that is longer by this factor. */
const COST_OF_NORMALISING = 4
/** Longer fields are not read: a thousand of them would not fit into the memory of a check. */
const MAX_FIELD_BYTES = 32 * 1024

export const bullmqFailures: CheckImplementation = async (parameters, { targets, signal }) => {
  const target = await targets.bullmq(requiredString(parameters, 'connection'), 'read')
  const sinceMs = optionalDuration(parameters, 'since')
  const limit = limitParameter(parameters, 'limit', 1000, 5000)
  const now = Date.now()
  const from = sinceMs === undefined ? -Infinity : now - sinceMs
  const min = from === -Infinity ? '-inf' : from
  const key = `${target.base}:failed`
  const [total, newest] = (await readPipeline(target, [
    ['zcount', key, min, '+inf'],
    ['zrange', key, '+inf', min, 'BYSCORE', 'REV', 'LIMIT', 0, limit, 'WITHSCORES'],
  ])) as [number, string[]]
  if (total === 0) await requireQueue(target)
  const [removed] = await Promise.all([removedSince(target, from), requireEqualClocks(target), requireNotBull(target)])
  const failures: Failure[] = []
  const turns = new Turns(signal)
  for (let i = 0; i < newest.length; i += 2 * BATCH) {
    signal.throwIfAborted()
    failures.push(...(await readFailures(target, newest.slice(i, i + 2 * BATCH), turns)))
  }
  const rows = group(failures, now)
  const unread = failures.filter(({ isRead }) => !isRead).length
  const truncated =
    total > failures.length || unread > 0 || removed > 0 || failures.some(({ at }) => isInFuture(at, now))
  return capRows(rows, { total, removed, unread, truncated }, target.redact, signal)
}

/**
 * How many jobs failed and are no longer there, because of `removeOnFail`. Only the queue's events show such jobs, and the queue
 * keeps only its latest events. Jobs that somebody removed or retried do not count.
 */
async function removedSince(target: BullmqTarget, from: number): Promise<number> {
  const newest = new Map<string, string>()
  for await (const { at, event, job } of newestEvents(target)) {
    if (at < from) break
    if (!newest.has(job)) newest.set(job, event)
  }
  const failed = [...newest].flatMap(([job, event]) => (ENDS_OF_FAILED.has(event) ? [job] : []))
  const found = await readPipeline(
    target,
    failed.map((job) => ['exists', `${target.base}:${job}`]),
  )
  return found.filter((exists) => exists === 0).length
}

/** `pairs`: id, score, id, score …, as ZRANGE WITHSCORES returns them. */
async function readFailures(target: BullmqTarget, pairs: string[], turns: Turns): Promise<Failure[]> {
  const ids = pairs.filter((_, i) => i % 2 === 0)
  const keys = ids.map((id) => `${target.base}:${id}`)
  const texts = await readTexts(target, keys, FIELDS, MAX_FIELD_BYTES)
  const found = ids.map((id, i) => {
    const { values, notRead } = texts[i]!
    const [name = null, reason = null, opts = null, ...counters] = values
    const isRead = notRead.length === 0
    const exhausted = jobCounters(counters).attemptsMade >= maxAttempts(opts)
    const shown = notRead.includes('failedReason') ? '(the reason is too long to be read)' : reason
    return { id, at: Number(pairs[2 * i + 1]), name, reason: shown, exhausted, isRead }
  })
  const fromStack = await readStackReasons(
    target,
    found.filter(({ reason }) => isEmptyReason(reason)),
  )
  const failures: Failure[] = []
  for (const { reason, ...failure } of found) {
    const stack = fromStack.get(failure.id)
    if (stack === 'unread') failure.isRead = false
    // Secrets are removed before digits and ids are replaced, because a password without its digits would no longer be
    // recognised.
    const text = scrubSecrets(stack === 'unread' ? STACK_NOT_READ : (stack?.text ?? reasonOf(reason)))
    if (turns.isOver(text.length * COST_OF_NORMALISING)) await turns.next()
    failures.push({
      ...failure,
      group: copyOf(normaliseReason(text)),
      example: copyOf(cutText(text, MAX_EXAMPLE_LENGTH)),
    })
  }
  return failures
}

/** A copy of a part of a text. Without the copy, the part would keep the whole text in memory. */
function copyOf(text: string): string {
  return Buffer.from(text).toString()
}

/**
 * The reasons of failures without a message, such as Node's AggregateError. Each is the first line of the newest stack
 * trace, with its first frame if the line is only the name of the error; or `unread` if the stack traces are too long
 * to be read.
 */
async function readStackReasons(
  target: BullmqTarget,
  failures: { id: string }[],
): Promise<Map<string, { text: string } | 'unread'>> {
  const keys = failures.map(({ id }) => `${target.base}:${id}`)
  const texts = await readTexts(target, keys, ['stacktrace'], MAX_FIELD_BYTES)
  return new Map(
    failures.flatMap(({ id }, i): [string, { text: string } | 'unread'][] => {
      if (texts[i]!.notRead.length > 0) return [[id, 'unread']]
      const traces = parseOutsideJson(texts[i]!.values[0] ?? '')
      const newest = Array.isArray(traces) ? traces.at(-1) : undefined
      const [first = '', frame = ''] = typeof newest === 'string' ? newest.split('\n').map((line) => line.trim()) : []
      const text = isEmptyReason(first) ? [first, frame].join(' ').trim() : first
      return text === '' ? [] : [[id, { text }]]
    }),
  )
}

function reasonOf(reason: string | null): string {
  if (reason === null) return NO_REASON
  return reason.trim() === '' ? EMPTY_REASON : reason
}

function group(failures: Failure[], now: number): JsonObject[] {
  const groups = new Map<string, Failure[]>()
  for (const failure of failures) {
    const members = groups.get(failure.group)
    if (members) members.push(failure)
    else groups.set(failure.group, [failure])
  }
  return [...groups]
    .sort(([, a], [, b]) => b.length - a.length)
    .map(([reason, members]) => ({
      reason,
      example: members[0]!.example,
      count: members.length,
      names: [...new Set(members.flatMap(({ name }) => name ?? []))].slice(0, MAX_NAMES),
      ids: members.slice(0, MAX_IDS).map(({ id }) => id),
      newestMs: Math.max(0, now - members[0]!.at),
      oldestMs: Math.max(0, now - members.at(-1)!.at),
      attemptsExhausted: members.filter(({ exhausted }) => exhausted).length,
    }))
}
