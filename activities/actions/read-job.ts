import { scrubSecrets } from '../../src/config/secret.ts'
import type { JsonObject } from '../../src/core/json.ts'
import { cutText } from '../../src/core/storable.ts'
import type { BullmqTarget } from '../../src/targets/targets.ts'
import { cleaned } from '../limit-result.ts'

/** A job as a preview shows it; never its data. */
export interface JobPreview {
  state: 'absent' | 'waiting' | 'prioritized' | 'delayed' | 'active' | 'completed' | 'failed' | 'other'
  held: boolean
  fields: JsonObject
}

const MAX_REASON_LENGTH = 300

/** Reads one job with raw read-only commands. Fields that the connection redacts are hidden. */
export async function readJob({ redis, base, redact }: BullmqTarget, id: string): Promise<JobPreview> {
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
  const fields: JsonObject = {
    id,
    name: name ?? '',
    state,
    lock: held ? 'held' : 'missing',
    attempts: Number(attempts ?? 0),
    starts: Number(starts ?? 0),
    stalls: Number(stalls ?? 0),
    // Before the text is cut: half a secret would not be recognised.
    failedReason: typeof reason === 'string' ? cutText(scrubSecrets(reason), MAX_REASON_LENGTH) : null,
  }
  return { state, held, fields: cleaned(fields, redact) as JsonObject }
}
