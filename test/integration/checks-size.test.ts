import { randomBytes } from 'node:crypto'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
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

/** What the jobs of each queue carry. */
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
  const { redisUrl } = inject('stack')
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
    connections: Object.fromEntries([...Object.keys(QUEUES), 'backlog'].map((queue) => [queue, connection(queue)])),
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
