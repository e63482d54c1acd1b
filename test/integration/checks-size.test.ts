import { randomBytes } from 'node:crypto'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { runCheck } from '../../activities/checks/run-check.ts'
import { Secret } from '../../src/config/secret.ts'
import type { Evidence } from '../../src/core/evidence.ts'
import type { JsonObject } from '../../src/core/json.ts'
import { openTargets } from '../../src/targets/open-targets.ts'
import type { Targets } from '../../src/targets/targets.ts'
import { measure } from '../support/measure-check.ts'

const prefix = `checks-size-${randomBytes(4).toString('hex')}`
const MAX_HELD_MS = 200
const MAX_MEGABYTES = 64

/** The data in the jobs of each queue. */
const QUEUES: Record<
  string,
  { count: number; state: 'wait' | 'failed'; fields: (i: number) => Record<string, string> }
> = {
  // One check reads at most 4 MB, so it reads only a part of these jobs.
  rows: { count: 30, state: 'wait', fields: () => ({ data: rows(2_700) }) },
  nesting: { count: 30, state: 'wait', fields: () => ({ data: `[${Array(1_200).fill(nested(90)).join(',')}]` }) },
  numbers: { count: 30, state: 'wait', fields: () => ({ data: `[${'12345678901234567890,'.repeat(11_000)}1]` }) },
  files: {
    count: 10,
    state: 'wait',
    fields: (i) => ({ data: JSON.stringify({ file: `${i}`.repeat(2_000_000 * (1 + (i % 5))) }) }),
  },
  options: { count: 60, state: 'wait', fields: () => ({ opts: JSON.stringify({ note: 'y'.repeat(200_000) }) }) },
  reasons: {
    count: 120,
    state: 'failed',
    fields: (i) => ({ failedReason: `Error ${i % 90} at a.b-c.d: `.repeat(1_100) }),
  },
  traces: { count: 120, state: 'failed', fields: () => ({ failedReason: '', stacktrace: trace(30_000) }) },
  'long traces': { count: 60, state: 'failed', fields: () => ({ failedReason: '', stacktrace: trace(1_000_000) }) },
}

function rows(count: number): string {
  return JSON.stringify(
    Array.from({ length: count }, (_, i) => ({ id: i, name: `customer ${i}`, tags: ['a', 'b'], price: i * 1.5 })),
  )
}
function nested(levels: number): string {
  return '['.repeat(levels) + ']'.repeat(levels)
}
function trace(length: number): string {
  return JSON.stringify(['AggregateError: \n    at load (orders.js:1:2)\n'.repeat(length / 45)])
}

let redis: Redis
let targets: Targets

beforeAll(async () => {
  const { redisUrl, postgresUrl } = inject('stack')
  redis = new Redis(redisUrl)
  for (const [queue, { count, state, fields }] of Object.entries(QUEUES)) {
    const key = (part: string | number) => `${prefix}:${queue}:${part}`
    for (let i = 0; i < count; i++) {
      await redis.hset(key(i), { name: 'x', data: '{}', opts: '{}', timestamp: Date.now() - 1_000, ...fields(i) })
      if (state === 'wait') await redis.lpush(key('wait'), i)
      else await redis.zadd(key('failed'), Date.now(), i)
    }
  }
  for (let i = 0; i < 120; i++)
    await redis.lpush(
      `${prefix}:backlog:wait`,
      ...Array.from({ length: 1_000 }, (_, j) => `job-with-a-long-id-${i}-${j}`),
    )
  const read = new Secret('${X}', 'test', redisUrl, [])
  const connection = (queue: string) => ({
    kind: 'bullmq' as const,
    read,
    prefix,
    queue,
    stalledIntervalMs: 30_000,
    redact: ['password'],
  })
  targets = openTargets({
    connections: {
      ...Object.fromEntries([...Object.keys(QUEUES), 'backlog'].map((queue) => [queue, connection(queue)])),
      database: { kind: 'postgres', read: new Secret('${P}', 'test', postgresUrl, []), ledger: 'none', redact: [] },
    },
  })
}, 120_000)

afterAll(async () => {
  await targets?.close()
  const keys = await redis.keys(`${prefix}:*`)
  for (let i = 0; i < keys.length; i += 100) await redis.unlink(...keys.slice(i, i + 100))
  redis.disconnect()
})

const waiting = { states: ['waiting'], limit: 500 }

test.each<[string, string, JsonObject, Partial<Evidence>]>([
  ['rows', 'bullmq.jobs', waiting, { truncated: true }],
  ['nesting', 'bullmq.jobs', waiting, { truncated: true }],
  ['numbers', 'bullmq.jobs', waiting, { truncated: true }],
  ['files', 'bullmq.jobs', waiting, { truncated: true }],
  ['options', 'bullmq.jobs', waiting, { truncated: true }],
  ['options', 'bullmq.queue', {}, { truncated: true }],
  ['reasons', 'bullmq.failures', { limit: 5_000 }, { truncated: false }],
  ['traces', 'bullmq.failures', { limit: 5_000 }, { truncated: false }],
  ['long traces', 'bullmq.failures', { limit: 5_000 }, { truncated: true }],
  ['backlog', 'bullmq.jobs', { ids: Array.from({ length: 120 }, (_, i) => `absent${i}`) }, { truncated: false }],
  ['backlog', 'bullmq.jobs', waiting, { truncated: true }],
  ['backlog', 'bullmq.queue', {}, {}],
])(
  '%s: %s holds neither the event loop nor much memory',
  async (queue, kind, parameters, expected) => {
    const check = { name: 'c', kind, parameters: { connection: queue, ...parameters }, retries: 0, place: 'p' }
    const { result, heldMs, megabytes } = await measure(() => runCheck({ ...check, timeoutMs: 60_000 }, targets))
    console.log(`${queue}, ${kind}: holds the event loop for ${heldMs.toFixed(0)} ms, needs ${megabytes.toFixed(1)} MB`)
    expect(result, result.error).toMatchObject({ status: 'ok', ...expected })
    expect(heldMs).toBeLessThan(MAX_HELD_MS)
    expect(megabytes).toBeLessThan(MAX_MEGABYTES)
  },
  180_000,
)

const LARGE = {
  sentences: 'The item 12345 was not found at a.b-c.d (attempt 3); '.repeat(170_000),
  // `{"a":[1,2,3],"b":"c"}` takes much longer to clean than a text of the same size.
  nested: `[${'{"a":[1,2,3],"b":"c"},'.repeat(170_000)}1]`,
}

describe('of redis.read', () => {
  test.each<[string, JsonObject, (key: string) => Promise<unknown>, Partial<Evidence>]>([
    ['a list of long texts', { command: 'LRANGE', args: ['0', '-1'] }, listOf(500, 16_000), { truncated: true }],
    ['one very long text', { command: 'LINDEX', args: ['0'] }, listOf(1, 7_000_000), { truncated: true }],
  ])(
    '%s holds neither the event loop nor much memory',
    async (_, { command, args }, fill, expected) => {
      const key = `${prefix}:read`
      await fill(key)
      const parameters = { connection: 'backlog', command: command!, args: [key, ...(args as string[])] }
      const check = { name: 'c', kind: 'redis.read', parameters, retries: 0, place: 'p' }
      const { result, heldMs, megabytes } = await measure(() => runCheck({ ...check, timeoutMs: 60_000 }, targets))
      console.log(`${command}: holds the event loop for ${heldMs.toFixed(0)} ms, needs ${megabytes.toFixed(1)} MB`)
      expect(result, result.error).toMatchObject({ status: 'ok', ...expected })
      expect(heldMs).toBeLessThan(MAX_HELD_MS)
      expect(megabytes).toBeLessThan(MAX_MEGABYTES)
    },
    60_000,
  )

  function listOf(count: number, length: number) {
    return async (key: string) => {
      await redis.del(key)
      for (let i = 0; i < count; i++) await redis.rpush(key, LARGE.sentences.slice(i, i + length))
    }
  }
})

describe('of sql.query', () => {
  test.each([
    ['one nested value', `SELECT '${LARGE.nested}'::json AS value`],
    [
      'many nested values',
      `SELECT '${LARGE.nested.slice(0, 1 + 22 * 1_500)}1]'::json AS value FROM generate_series(1, 100)`,
    ],
    ['one long text', `SELECT '${LARGE.sentences.slice(0, 3_900_000)}' AS value`],
  ])(
    '%s holds neither the event loop nor much memory',
    async (_, sql) => {
      const parameters = { connection: 'database', sql, columns: { value: 'dyn' } }
      const check = { name: 'c', kind: 'sql.query', parameters, retries: 0, place: 'p' }
      const { result, heldMs, megabytes } = await measure(() => runCheck({ ...check, timeoutMs: 60_000 }, targets))
      console.log(`sql: holds the event loop for ${heldMs.toFixed(0)} ms, needs ${megabytes.toFixed(1)} MB`)
      expect(result, result.error).toMatchObject({ status: 'ok', truncated: true })
      expect(heldMs).toBeLessThan(MAX_HELD_MS)
      expect(megabytes).toBeLessThan(MAX_MEGABYTES)
    },
    60_000,
  )
})

test('failures whose stack traces are too long to be read are counted as unread', async () => {
  const check = {
    name: 'c',
    kind: 'bullmq.failures',
    parameters: { connection: 'long traces' },
    retries: 0,
    place: 'p',
  }
  const { result } = await runCheck({ ...check, timeoutMs: 60_000 }, targets)
  expect(result).toMatchObject({
    total: 60,
    unread: 60,
    rows: [{ reason: '(the reason is empty, and the stack trace is too long to be read)' }],
  })
})
