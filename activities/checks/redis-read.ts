import { RunbookError } from '../../src/core/errors.ts'
import { MAX_ROWS } from '../../src/core/evidence.ts'
import type { Json, JsonObject } from '../../src/core/json.ts'
import { REDIS_COMMANDS } from '../../src/language/kinds/redis-read.ts'
import type { RedisTarget } from '../../src/targets/targets.ts'
import { capRows } from '../limit-result.ts'
import type { CheckImplementation } from './check.ts'
import { optionalStrings, requiredString } from './check-parameters.ts'
import { readTexts } from './read-texts.ts'
import { readPipeline, readReplies } from './redis-pipeline.ts'
import type { RedisCommand } from './redis-pipeline.ts'

/** The maximum length of a string. Longer strings are cut. */
const MAX_TEXT_BYTES = 48 * 1024

/** The maximum number of entries of a key that are read at once. */
const MAX_KEY_BYTES = 8 * 1024 * 1024

interface Answer {
  value?: Json
  rows?: { field: string | null; value: Json }[]
  truncated?: boolean
}

export const redisRead: CheckImplementation = async (parameters, { targets, signal }) => {
  const target = await targets.redis(requiredString(parameters, 'connection'), 'read')
  const command = requiredString(parameters, 'command')
  const args = optionalStrings(parameters, 'args') ?? []
  const known = Object.hasOwn(REDIS_COMMANDS, command) ? REDIS_COMMANDS[command]! : undefined
  if (!known) throw failure(`${command} is not one of ${Object.keys(REDIS_COMMANDS).join(', ')}`)
  if (args.length < known.least || args.length > known.most)
    throw failure(
      `${command} takes ${known.least === known.most ? known.least : `${known.least} to ${known.most}`} arguments, not ${args.length}`,
    )
  const { value = null, rows = [], truncated = false } = await answer(target, command, args)
  const hidden = target.redact.map((name) => name.toLowerCase())
  const visible = rows.map((row) =>
    hidden.includes(row.field?.toLowerCase() ?? '') ? { ...row, value: '[redacted]' } : row,
  )
  return capRows(visible as unknown as JsonObject[], { value, truncated }, target.redact, signal)
}

async function answer(target: RedisTarget, command: string, args: string[]): Promise<Answer> {
  const read = async (...one: RedisCommand) => (await readPipeline(target, [one]))[0]
  const key = args[0]!
  switch (command) {
    case 'GET': {
      const [length, text] = await readPipeline(target, [
        ['strlen', key],
        ['getrange', key, 0, MAX_TEXT_BYTES - 1],
      ])
      const exists = length !== 0 || (await read('exists', key)) === 1
      return { value: exists ? (text as string) : null, truncated: Number(length) > MAX_TEXT_BYTES }
    }
    case 'MGET':
      return readTextsOfKeys(target, args)
    case 'HMGET':
      return readFields(target, key, args.slice(1))
    case 'HGETALL':
      return readHash(target, key)
    case 'SMEMBERS':
      return readSet(target, key)
    case 'LRANGE': {
      const range = cutRange(args, Number(await read('llen', key)))
      if (!range.empty) await requireFits(target, key, range.stop - range.start + 1)
      const values = range.empty ? [] : ((await read('lrange', key, range.start, range.stop)) as Json[])
      return { rows: values.map((value) => ({ field: null, value })), truncated: range.cut }
    }
    case 'ZRANGE':
      return readSortedSet(target, key, args)
    case 'HGET': {
      const { rows, truncated } = await readFields(target, key, args.slice(1))
      if (truncated) throw failure(`field ${args[1]} of ${key} has more than 256 kB: it is not read`)
      return { value: rows![0]!.value }
    }
    case 'LINDEX':
      await requireFits(target, key, 1)
      return { value: ((await read('lindex', ...args)) as Json) ?? null }
    case 'SISMEMBER':
    case 'ZSCORE':
    default: {
      const value = (await read(command.toLowerCase(), ...args)) as Json
      return { value: value ?? null }
    }
  }
}

/** Reads the texts of keys like MGET, but only the beginning of a long text. */
async function readTextsOfKeys(target: RedisTarget, keys: string[]): Promise<Answer> {
  const replies = await readReplies(
    target,
    keys.map((key) => ['strlen', key]),
  )
  // Like MGET, null for a key that has another type.
  const lengths = replies.map((reply) => ('value' in reply ? Number(reply.value) : null))
  const texts = keys.filter((_, i) => lengths[i] !== null)
  const share = Math.min(MAX_TEXT_BYTES, Math.floor(MAX_KEY_BYTES / Math.max(1, texts.length)))
  const found = await readPipeline(
    target,
    texts.flatMap((key): RedisCommand[] => [
      ['exists', key],
      ['getrange', key, 0, share - 1],
    ]),
  )
  const values = new Map(texts.map((key, i) => [key, found[2 * i] === 1 ? (found[2 * i + 1] as Json) : null]))
  const rows = named(
    keys,
    keys.map((key) => values.get(key) ?? null),
  )
  return { rows, truncated: lengths.some((length) => length !== null && length > share) }
}

/** Reads the fields of a hash, except those that are too large. */
async function readFields(target: RedisTarget, key: string, fields: string[]): Promise<Answer> {
  const [texts] = await readTexts(target, [key], fields)
  const rows = named(fields, texts!.values).filter(({ field }) => !texts!.notRead.includes(field))
  return { rows, truncated: texts!.notRead.length > 0 }
}

async function readHash(target: RedisTarget, key: string): Promise<Answer> {
  const [size] = await readPipeline(target, [['hlen', key]])
  if (Number(size) <= MAX_ROWS) {
    const [fields] = (await readPipeline(target, [['hkeys', key]])) as [string[]]
    return readFields(target, key, fields)
  }
  await requireFits(target, key, MAX_ROWS)
  const pairs = chunk(await scanSome(target, 'hscan', key, 2), 2)
  const rows = pairs.slice(0, MAX_ROWS).map(([field, value]) => ({ field: field!, value: value! }))
  return { rows, truncated: Number(size) > rows.length }
}

/**
 * Throws if the entries of a key are too large. Redis does not report the size of an entry before it sends it, only an estimate for the
 * whole key.
 */
async function requireFits(target: RedisTarget, key: string, entries: number): Promise<void> {
  const lengthCommands = { list: 'llen', set: 'scard', zset: 'zcard', hash: 'hlen' } as const
  const [type] = (await readPipeline(target, [['type', key]])) as [keyof typeof lengthCommands]
  if (!Object.hasOwn(lengthCommands, type)) return
  const [usage, size] = await readReplies(target, [
    ['memory', 'usage', key],
    [lengthCommands[type], key],
  ])
  // Some hosted servers do not offer these commands. Then only the limit for received bytes protects this process, and its message is less
  // precise.
  if (!usage || !size || !('value' in usage) || !('value' in size)) return
  const [bytes, length] = [Number(usage.value), Math.max(1, Number(size.value))]
  if ((bytes / length) * entries > MAX_KEY_BYTES)
    throw failure(
      `${key} has ${Math.round(bytes / 1024 / 1024)} MB in ${length} entries: the check reads at most ${MAX_KEY_BYTES / 1024 / 1024} MB`,
    )
}

async function readSet(target: RedisTarget, key: string): Promise<Answer> {
  const [size] = await readPipeline(target, [['scard', key]])
  await requireFits(target, key, Math.min(MAX_ROWS, Number(size)))
  const members =
    Number(size) <= MAX_ROWS
      ? ((await readPipeline(target, [['smembers', key]]))[0] as string[])
      : await scanSome(target, 'sscan', key, 1)
  const rows = members.slice(0, MAX_ROWS).map((value) => ({ field: null, value }))
  return { rows, truncated: Number(size) > rows.length }
}

/** Reads a part of a large hash or set, in steps that do not block Redis. */
async function scanSome(
  target: RedisTarget,
  command: 'hscan' | 'sscan',
  key: string,
  width: number,
): Promise<string[]> {
  const found: string[] = []
  let cursor = '0'
  do {
    const [reply] = (await readPipeline(target, [[command, key, cursor, 'COUNT', MAX_ROWS]])) as [[string, string[]]]
    cursor = reply[0]
    found.push(...reply[1])
  } while (cursor !== '0' && found.length < MAX_ROWS * width)
  return found
}

async function readSortedSet(target: RedisTarget, key: string, args: string[]): Promise<Answer> {
  const options = args.slice(3).map((option) => option.toUpperCase())
  const unknown = options.find((option) => option !== 'REV' && option !== 'WITHSCORES')
  if (unknown) throw failure(`ZRANGE can only be used by index, with REV and WITHSCORES, not with ${unknown}`)
  const [size] = await readPipeline(target, [['zcard', key]])
  const range = cutRange(args, Number(size))
  if (range.empty) return { rows: [] }
  await requireFits(target, key, range.stop - range.start + 1)
  const [reply] = await readPipeline(target, [['zrange', key, range.start, range.stop, ...options]])
  const scored = options.includes('WITHSCORES')
  const rows = scored
    ? chunk(reply as string[], 2).map(([member, score]) => ({ field: member!, value: finite(score!) }))
    : (reply as string[]).map((member) => ({ field: member, value: member }))
  return { rows, truncated: range.cut }
}

/** The start and stop of a range as Redis accepts them; negative numbers count from the end. The range is cut to 500 elements. */
function cutRange(args: string[], length: number): { start: number; stop: number; empty: boolean; cut: boolean } {
  const [start, stop] = args.slice(1, 3).map((text) => {
    if (!/^-?\d{1,15}$/.test(text)) throw failure(`"${text}" is not an index`)
    const index = Number(text)
    return index < 0 ? Math.max(0, length + index) : index
  }) as [number, number]
  const end = args[2]!.startsWith('-') && length + Number(args[2]) < 0 ? -1 : Math.min(stop, length - 1)
  const cut = end - start + 1 > MAX_ROWS
  return { start, stop: cut ? start + MAX_ROWS - 1 : end, empty: end < start, cut }
}

function named(names: string[], values: Json[]): { field: string; value: Json }[] {
  return names.map((field, i) => ({ field, value: values[i] ?? null }))
}

function chunk<T>(items: T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size))
}

/** Returns a number, or the text of an infinite score, which JSON cannot hold. */
function finite(score: string): Json {
  const value = Number(score)
  return Number.isFinite(value) ? value : score
}

function failure(message: string): RunbookError {
  return new RunbookError('RUNBOOK_CHECK_FAILED', message)
}
