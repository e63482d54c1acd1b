import type { JsonObject } from '../../src/core/json.ts'
import { parseOutsideJson } from '../../src/core/parse-json.ts'
import type { BullmqTarget } from '../../src/targets/targets.ts'
import { cutText } from '../../src/core/storable.ts'
import { capResult } from '../limit-result.ts'
import type { CheckImplementation } from './check.ts'
import { isEmptyReason, normaliseReason } from './normalise-reason.ts'
import { limitParameter, optionalDuration, requiredString } from './check-parameters.ts'
import { maxAttempts } from './read-jobs.ts'
import { readPipeline } from './redis-pipeline.ts'
import type { RedisCommand } from './redis-pipeline.ts'

const MAX_IDS = 50
const MAX_NAMES = 20
const BATCH = 250

interface Failure {
  id: string
  /** When it failed, ms since the epoch. */
  at: number
  name: string | null
  reason: string
  exhausted: boolean
  /** False if the reason was too long to read. */
  isRead: boolean
}

const NO_REASON = '(no reason kept)'
const EMPTY_REASON = '(the reason is empty)'
/** Longer fields are not read: a thousand of them would not fit into the memory of a check. */
const MAX_REASON_BYTES = 32 * 1024

export const bullmqFailures: CheckImplementation = async (parameters, { targets, signal }) => {
  const target = await targets.bullmq(requiredString(parameters, 'connection'), 'read')
  const sinceMs = optionalDuration(parameters, 'since')
  const limit = limitParameter(parameters, 'limit', 1000, 5000)
  const now = Date.now()
  const from = sinceMs === undefined ? '-inf' : now - sinceMs
  const key = `${target.base}:failed`
  const [total, newest] = (await readPipeline(target, [
    ['zcount', key, from, '+inf'],
    ['zrange', key, '+inf', from, 'BYSCORE', 'REV', 'LIMIT', 0, limit, 'WITHSCORES'],
  ])) as [number, string[]]
  const failures: Failure[] = []
  for (let i = 0; i < newest.length; i += 2 * BATCH) {
    signal.throwIfAborted()
    failures.push(...(await readFailures(target, newest.slice(i, i + 2 * BATCH))))
  }
  const rows = group(failures, now)
  const unread = failures.filter(({ isRead }) => !isRead).length
  return capResult({ total, rows, unread, truncated: total > failures.length || unread > 0 }, target.redact)
}

/** `pairs`: id, score, id, score …, as ZRANGE WITHSCORES returns them. */
async function readFailures(target: BullmqTarget, pairs: string[]): Promise<Failure[]> {
  const ids = pairs.filter((_, i) => i % 2 === 0)
  const key = (id: string) => `${target.base}:${id}`
  const sizes = (await readPipeline(
    target,
    ids.flatMap((id): RedisCommand[] => [
      ['hstrlen', key(id), 'failedReason'],
      ['hstrlen', key(id), 'opts'],
    ]),
  )) as number[]
  const isTooLong = (i: number) => sizes[2 * i]! > MAX_REASON_BYTES || sizes[2 * i + 1]! > MAX_REASON_BYTES
  const replies = (await readPipeline(
    target,
    ids.map((id, i) =>
      isTooLong(i) ? ['hmget', key(id), 'name', 'atm'] : ['hmget', key(id), 'name', 'atm', 'failedReason', 'opts'],
    ),
  )) as (string | null)[][]
  const failures = ids.map((id, i) => {
    const [name = null, made = null, reason = null, opts = null] = replies[i]!
    const text = isTooLong(i) ? '(the reason is too long to be read)' : reason
    const exhausted = Number(made ?? 0) >= maxAttempts(opts)
    return { id, at: Number(pairs[2 * i + 1]), name, reason: text, exhausted, isRead: !isTooLong(i) }
  })
  const fromStack = await readStackReasons(
    target,
    failures.filter(({ reason }) => isEmptyReason(reason)),
  )
  return failures.map((failure) => ({ ...failure, reason: fromStack.get(failure.id) ?? reasonOf(failure.reason) }))
}

/**
 * Reasons of failures without a message, such as Node's AggregateError: the first line of the newest stack trace, with its first frame if
 * the line is only the name of the error.
 */
async function readStackReasons(target: BullmqTarget, failures: { id: string }[]): Promise<Map<string, string>> {
  const key = (id: string) => `${target.base}:${id}`
  const sizes = (await readPipeline(
    target,
    failures.map(({ id }): RedisCommand => ['hstrlen', key(id), 'stacktrace']),
  )) as number[]
  const readable = failures.filter((_, i) => sizes[i]! > 0 && sizes[i]! <= MAX_REASON_BYTES)
  const stacks = (await readPipeline(
    target,
    readable.map(({ id }): RedisCommand => ['hget', key(id), 'stacktrace']),
  )) as (string | null)[]
  return new Map(
    readable.flatMap(({ id }, i): [string, string][] => {
      const traces = parseOutsideJson(stacks[i] ?? '')
      const newest = Array.isArray(traces) ? traces.at(-1) : undefined
      const [first = '', frame = ''] = typeof newest === 'string' ? newest.split('\n').map((line) => line.trim()) : []
      const text = isEmptyReason(first) ? [first, frame].join(' ').trim() : first
      return text === '' ? [] : [[id, text]]
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
    const reason = normaliseReason(failure.reason)
    const members = groups.get(reason)
    if (members) members.push(failure)
    else groups.set(reason, [failure])
  }
  return [...groups]
    .sort(([, a], [, b]) => b.length - a.length)
    .map(([reason, members]) => ({
      reason,
      example: cutText(members[0]!.reason, 2_000),
      count: members.length,
      names: [...new Set(members.flatMap(({ name }) => name ?? []))].slice(0, MAX_NAMES),
      ids: members.slice(0, MAX_IDS).map(({ id }) => id),
      newestMs: Math.max(0, now - members[0]!.at),
      oldestMs: Math.max(0, now - members.at(-1)!.at),
      attemptsExhausted: members.filter(({ exhausted }) => exhausted).length,
    }))
}
