import type { RedisTarget } from '../../src/targets/targets.ts'
import { readPipeline } from './redis-pipeline.ts'
import type { RedisCommand } from './redis-pipeline.ts'

/** The maximum length of a field of a hash. Longer fields are not read. */
const MAX_FIELD_BYTES = 256 * 1024
/** The maximum for all fields of one call together. A result keeps 64 kB of them. */
const MAX_TOTAL_BYTES = 4 * 1024 * 1024

export interface Texts {
  /** The values in the order of `fields`. Null if the hash does not have the field, or if `notRead` names it. */
  values: (string | null)[]
  /** The names of fields that exist but are too large. */
  notRead: string[]
}

/** Reads fields of hashes. The length of each field is read first, so that the memory is limited whatever the hashes hold. */
export async function readTexts(
  target: Pick<RedisTarget, 'connection' | 'address' | 'redis' | 'lanes'>,
  keys: string[],
  fields: string[],
  maxFieldBytes = MAX_FIELD_BYTES,
): Promise<Texts[]> {
  const lengths = (await readPipeline(
    target,
    keys.flatMap((key) => fields.map((field): RedisCommand => ['hstrlen', key, field])),
  )) as number[]
  let left = MAX_TOTAL_BYTES
  const fits = lengths.map((length) => {
    if (length === 0 || length > maxFieldBytes || length > left) return length === 0
    left -= length
    return true
  })
  const wanted = keys.map((_, i) => fields.filter((__, j) => fits[i * fields.length + j]))
  const reads = keys.flatMap((key, i): RedisCommand[] => (wanted[i]!.length > 0 ? [['hmget', key, ...wanted[i]!]] : []))
  const replies = (await readPipeline(target, reads)) as (string | null)[][]
  let next = 0
  return wanted.map((names) => {
    const reply = names.length > 0 ? replies[next++]! : []
    const values = fields.map((field) => reply[names.indexOf(field)] ?? null)
    return { values, notRead: fields.filter((field) => !names.includes(field)) }
  })
}
