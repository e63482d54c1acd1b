import { randomBytes } from 'node:crypto'
import { Redis } from 'ioredis'
import pg from 'pg'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { readRows } from '../../activities/actions/read-rows.ts'
import { runCheck } from '../../activities/checks/run-check.ts'
import { Secret } from '../../src/config/secret.ts'
import type { Evidence } from '../../src/core/evidence.ts'
import type { JsonObject } from '../../src/core/json.ts'
import { openTargets } from '../../src/targets/open-targets.ts'
import type { Targets } from '../../src/targets/targets.ts'

const MB = 1024 * 1024
const prefix = `checks-memory-${randomBytes(4).toString('hex')}`
const key = (part: string) => `${prefix}:${part}`
const secret = (value: string) => new Secret('${X}', 'test', value, [])
let redis: Redis
let admin: pg.Client
let targets: Targets

beforeAll(async () => {
  const { redisUrl, postgresUrl } = inject('stack')
  admin = new pg.Client(postgresUrl)
  await admin.connect()
  redis = new Redis(redisUrl)
  const large = Buffer.alloc(20 * MB, 'x')
  // Redis estimates the size of a key from its first entries. The first entries here are small, so the estimate misses the large ones.
  await redis.rpush(key('list'), ...Array.from({ length: 2_000 }, () => 'x'.repeat(200)))
  await redis.rpush(key('list'), large, large, large)
  await redis.sadd(key('set'), large, 'small')
  await redis.zadd(key('zset'), 1, large)
  await redis.hset(key('hash'), 'large', large, 'small', '1')
  for (let i = 0; i < 40; i++) {
    const data = JSON.stringify({ text: `${i}${'x'.repeat(3 * MB)}` })
    await redis.hset(key(`q:${i}`), { name: 'n', data, failedReason: data, opts: '{}', timestamp: 1 })
    await redis.zadd(key('q:failed'), i, String(i))
  }
  targets = openTargets({
    checks: { memoryMb: 64 },
    connections: {
      db: { kind: 'postgres', read: secret(postgresUrl), ledger: 'target', redact: [] },
      r: { kind: 'redis', read: secret(redisUrl), keys: ['*'], redact: [] },
      q: { kind: 'bullmq', read: secret(redisUrl), prefix, queue: 'q', stalledIntervalMs: 30_000, redact: [] },
    },
  })
})

afterAll(async () => {
  await targets.close()
  await redis.del(...(await redis.keys(`${prefix}:*`)))
  redis.disconnect()
  await admin.end()
})

function run(kind: string, parameters: JsonObject): Promise<Evidence> {
  return runCheck({ name: 'c', kind, parameters, timeoutMs: 30_000, retries: 0, place: 'p' }, targets)
}

const sql = (statement: string) =>
  run('sql.query', { connection: 'db', sql: statement, columns: { n: 'int', t: 'string' } })
const read = (command: string, ...args: string[]) => run('redis.read', { connection: 'r', command, args })

/** Runs `work` and returns, with its result, by how many bytes the memory of this process grew at most meanwhile. */
async function growthDuring<T>(work: () => Promise<T>): Promise<{ result: T; growth: number }> {
  const before = process.memoryUsage().rss
  let most = before
  const timer = setInterval(() => (most = Math.max(most, process.memoryUsage.rss())), 5)
  try {
    const result = await work()
    return { result, growth: Math.max(most, process.memoryUsage.rss()) - before }
  } finally {
    clearInterval(timer)
  }
}

const WIDE = `SELECT i AS n, repeat('x', 50 * 1024 * 1024) AS t FROM generate_series(1, 100) i`

test('rows of 50 MB do not fill the memory of the process, and the result says why nothing was read', async () => {
  const { result, growth } = await growthDuring(() => Promise.all(Array.from({ length: 12 }, () => sql(WIDE))))
  for (const evidence of result) {
    expect(evidence).toMatchObject({ status: 'failed', truncated: false })
    expect(evidence.error).toContain('the first row has more than 4 MB')
  }
  expect(growth).toBeLessThan(128 * MB)
  expect(await sql(`SELECT 1 AS n, 'x' AS t`)).toMatchObject({ status: 'ok', result: { rows: [{ n: 1, t: 'x' }] } })
}, 120_000)

test('the rows before one that is too large are kept, and the result is truncated', async () => {
  const evidence = await sql(
    `SELECT i AS n, repeat('x', CASE WHEN i > 3 THEN 50 * 1024 * 1024 ELSE 10 END) AS t FROM generate_series(1, 100) i`,
  )
  expect(evidence).toMatchObject({ status: 'ok', truncated: true, result: { truncated: true } })
  expect((evidence.result!.rows as JsonObject[]).map((row) => row.n)).toEqual([1, 2, 3])
})

test('a preview of rows that are too large says so', async () => {
  const target = await targets.postgres('db', 'read')
  const reading = readRows(target, { text: WIDE, values: [] }, async () => {})
  await expect(reading).rejects.toThrow('the rows have more than 4 MB and cannot be shown')
})

test('large entries in Redis do not fill the memory of the process, and the result says that they were not read', async () => {
  const { result, growth } = await growthDuring(() =>
    Promise.all([
      read('LRANGE', key('list'), '1900', '-1'),
      read('LINDEX', key('list'), '-1'),
      read('SMEMBERS', key('set')),
      read('ZRANGE', key('zset'), '0', '-1'),
      read('HGETALL', key('hash')),
      read('HGET', key('hash'), 'large'),
    ]),
  )
  for (const evidence of result)
    expect(evidence.status === 'failed' || evidence.truncated, JSON.stringify(evidence)).toBe(true)
  expect(result[0]!.error).toContain('LRANGE: Redis sent more than 8 MB, so nothing was read')
  expect(growth).toBeLessThan(128 * MB)
  expect(await read('LINDEX', key('list'), '0')).toMatchObject({ status: 'ok', result: { value: 'x'.repeat(200) } })
})

test('jobs with megabytes of data and of reasons are listed without them', async () => {
  const { result, growth } = await growthDuring(() =>
    Promise.all([
      run('bullmq.jobs', { connection: 'q', states: ['failed'] }),
      run('bullmq.failures', { connection: 'q' }),
    ]),
  )
  const [jobs, failures] = result
  expect(jobs).toMatchObject({ status: 'ok', truncated: true })
  expect((jobs!.result!.rows as JsonObject[])[0]).toMatchObject({
    state: 'failed',
    data: null,
    notRead: ['data', 'failedReason'],
  })
  expect(failures).toMatchObject({ status: 'ok', truncated: true, result: { unread: 40 } })
  expect(growth).toBeLessThan(128 * MB)
})
