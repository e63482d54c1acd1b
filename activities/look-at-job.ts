import type { JsonObject } from '../src/core/json.ts'
import type { BullmqTarget } from '../src/targets/targets.ts'

/** A job as people are to see it in a preview; never its data. */
export interface JobLook {
  state: 'absent' | 'waiting' | 'prioritized' | 'delayed' | 'active' | 'completed' | 'failed' | 'other'
  held: boolean
  fields: JsonObject
}

/** Reads one job by raw, read-only commands. */
export async function lookAtJob({ redis, base }: BullmqTarget, id: string): Promise<JobLook> {
  const [type, lock, wait, active, prioritized, delayed, completed, failed] = await Promise.all([
    redis.type(`${base}:${id}`),
    redis.exists(`${base}:${id}:lock`),
    redis.lpos(`${base}:wait`, id),
    redis.lpos(`${base}:active`, id),
    redis.zscore(`${base}:prioritized`, id),
    redis.zscore(`${base}:delayed`, id),
    redis.zscore(`${base}:completed`, id),
    redis.zscore(`${base}:failed`, id),
  ])
  const held = lock === 1
  if (type !== 'hash') return { state: 'absent', held, fields: {} }
  const [name, attempts, starts, stalls, reason] = await redis.hmget(
    `${base}:${id}`,
    'name',
    'atm',
    'ats',
    'stc',
    'failedReason',
  )
  const places = { waiting: wait, active, prioritized, delayed, completed, failed }
  const state = (Object.keys(places) as (keyof typeof places)[]).find((place) => places[place] !== null) ?? 'other'
  return {
    state,
    held,
    fields: {
      id,
      name: name ?? '',
      state,
      lock: held ? 'held' : 'missing',
      attempts: Number(attempts ?? 0),
      starts: Number(starts ?? 0),
      stalls: Number(stalls ?? 0),
      failedReason: reason?.slice(0, 300) ?? null,
    },
  }
}
