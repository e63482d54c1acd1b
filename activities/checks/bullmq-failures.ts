import type { JsonObject } from '../../src/core/json.ts'
import type { BullmqTarget } from '../../src/targets/targets.ts'
import { capResult } from '../limit-result.ts'
import type { CheckImplementation } from './check.ts'
import { normaliseReason } from './normalise-reason.ts'
import { limitParameter, optionalDuration, requiredString } from './check-parameters.ts'
import { maxAttempts } from './read-jobs.ts'
import { readPipeline } from './redis-pipeline.ts'

const MAX_IDS = 50
const MAX_NAMES = 20
const BATCH = 500

interface Failure {
  id: string
  /** When it failed, ms since the epoch. */
  at: number
  name: string | null
  reason: string
  exhausted: boolean
}

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
  return capResult({ total, rows, truncated: total > failures.length }, target.redact)
}

/** `pairs`: id, score, id, score …, as ZRANGE WITHSCORES returns them. */
async function readFailures(target: BullmqTarget, pairs: string[]): Promise<Failure[]> {
  const ids = pairs.filter((_, i) => i % 2 === 0)
  const replies = (await readPipeline(
    target,
    ids.map((id) => ['hmget', `${target.base}:${id}`, 'name', 'failedReason', 'atm', 'opts']),
  )) as (string | null)[][]
  return ids.map((id, i) => {
    const [name = null, reason = null, made = null, opts = null] = replies[i]!
    return {
      id,
      at: Number(pairs[2 * i + 1]),
      name,
      reason: reason ?? '(no reason kept)',
      exhausted: Number(made ?? 0) >= maxAttempts(opts),
    }
  })
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
      example: members[0]!.reason.slice(0, 2_000),
      count: members.length,
      names: [...new Set(members.flatMap(({ name }) => name ?? []))].slice(0, MAX_NAMES),
      ids: members.slice(0, MAX_IDS).map(({ id }) => id),
      newestMs: Math.max(0, now - members[0]!.at),
      oldestMs: Math.max(0, now - members.at(-1)!.at),
      attemptsExhausted: members.filter(({ exhausted }) => exhausted).length,
    }))
}
