import { randomBytes } from 'node:crypto'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { runCheck } from '../../activities/checks/run-check.ts'
import { Secret } from '../../src/config/secret.ts'
import { openTargets } from '../../src/targets/open-targets.ts'
import type { Targets } from '../../src/targets/targets.ts'

const prefix = `checks-redis-${randomBytes(4).toString('hex')}`
const key = (part: string) => `${prefix}:${part}`
let redis: Redis
let targets: Targets

beforeAll(async () => {
  const { redisUrl } = inject('stack')
  redis = new Redis(redisUrl)
  await redis.set(key('text'), 'hello', 'EX', 100)
  await redis.set(key('empty'), '')
  await redis.set(key('long'), 'x'.repeat(100_000))
  await redis.hset(key('hash'), { a: '1', email: 'a@b' })
  await redis.rpush(key('list'), 'a', 'b', 'c')
  await redis.zadd(key('zset'), 1, 'one', 2.5, 'two', 'inf', 'last')
  await redis.sadd(key('set'), 'x')
  await redis.xadd(key('stream'), '*', 'f', 'v')
  const many = Array.from({ length: 1_200 }, (_, i) => String(i))
  await redis.rpush(key('many-list'), ...many)
  await redis.sadd(key('many-set'), ...many)
  await redis.hset(key('many-hash'), Object.fromEntries(many.map((n) => [n, n])))
  await redis.zadd(key('many-zset'), ...many.flatMap((n) => [n, n]))
  targets = openTargets({
    connections: {
      r: { kind: 'redis', read: new Secret('${X}', 'test', redisUrl, []), keys: ['*'], redact: ['email'] },
    },
  })
})

afterAll(async () => {
  await targets.close()
  const keys = await redis.keys(`${prefix}:*`)
  await redis.del(...keys)
  redis.disconnect()
})

function read(command: string, ...args: (string | number)[]) {
  const parameters = { connection: 'r', command, args }
  return runCheck({ name: 'c', kind: 'redis.read', parameters, timeoutMs: 5_000, retries: 0, place: 'p' }, targets)
}

test.each([
  ['GET', [key('text')], 'hello'],
  ['GET', [key('empty')], ''],
  ['GET', [key('gone')], null],
  ['STRLEN', [key('text')], 5],
  ['TTL', [key('list')], -1],
  ['TYPE', [key('zset')], 'zset'],
  ['EXISTS', [key('text'), key('gone')], 1],
  ['HGET', [key('hash'), 'a'], '1'],
  ['HGET', [key('hash'), 'gone'], null],
  ['HLEN', [key('hash')], 2],
  ['LLEN', [key('list')], 3],
  ['LINDEX', [key('list'), -1], 'c'],
  ['ZCARD', [key('zset')], 3],
  ['ZCOUNT', [key('zset'), '-inf', 2], 1],
  ['ZSCORE', [key('zset'), 'two'], '2.5'],
  ['SCARD', [key('set')], 1],
  ['SISMEMBER', [key('set'), 'x'], 1],
  ['XLEN', [key('stream')], 1],
])('%s %o returns one value', async (command, args, value) => {
  expect((await read(command, ...args)).result).toEqual({ value, rows: [], truncated: false })
})

test.each([
  [
    'HGETALL',
    [key('hash')],
    [
      { field: 'a', value: '1' },
      { field: 'email', value: '[redacted]' },
    ],
  ],
  ['HGETALL', [key('gone')], []],
  [
    'HMGET',
    [key('hash'), 'a', 'gone'],
    [
      { field: 'a', value: '1' },
      { field: 'gone', value: null },
    ],
  ],
  [
    'MGET',
    [key('text'), key('gone')],
    [
      { field: key('text'), value: 'hello' },
      { field: key('gone'), value: null },
    ],
  ],
  ['SMEMBERS', [key('set')], [{ field: null, value: 'x' }]],
  ['LRANGE', [key('list'), 0, -1], ['a', 'b', 'c'].map((value) => ({ field: null, value }))],
  ['LRANGE', [key('list'), -2, 1], [{ field: null, value: 'b' }]],
  ['LRANGE', [key('list'), 5, 9], []],
  ['LRANGE', [key('list'), 0, -9], []],
  ['LRANGE', [key('gone'), 0, -1], []],
  ['ZRANGE', [key('zset'), 0, 0, 'REV', 'WITHSCORES'], [{ field: 'last', value: 'inf' }]],
  [
    'ZRANGE',
    [key('zset'), 0, 1, 'WITHSCORES'],
    [
      { field: 'one', value: 1 },
      { field: 'two', value: 2.5 },
    ],
  ],
  ['ZRANGE', [key('zset'), 0, 0], [{ field: 'one', value: 'one' }]],
])('%s %o returns rows', async (command, args, rows) => {
  expect((await read(command, ...args)).result).toEqual({ value: null, rows, truncated: false })
})

test.each([
  ['LRANGE', [key('many-list'), 0, -1]],
  ['SMEMBERS', [key('many-set')]],
  ['HGETALL', [key('many-hash')]],
  ['ZRANGE', [key('many-zset'), 0, -1]],
])('%s of a large value returns 500 rows and is truncated', async (command, args) => {
  const evidence = await read(command, ...args)
  expect(evidence.truncated).toBe(true)
  expect(evidence.result!.rows).toHaveLength(500)
})

test('a long string is cut, and the result is truncated', async () => {
  const evidence = await read('GET', key('long'))
  expect(evidence.truncated).toBe(true)
  expect((evidence.result!.value as string).length).toBe(48 * 1024)
})

test.each([
  ['SET', [key('text'), 'x'], 'SET is not one of GET'],
  ['get', [key('text')], 'get is not one of'],
  ['KEYS', ['*'], 'KEYS is not one of'],
  ['EVAL', ['return 1', 0], 'EVAL is not one of'],
  ['GET', [], 'GET takes 1 arguments, not 0'],
  ['ZRANGE', [key('zset'), 0, 1, 'BYSCORE'], 'not with BYSCORE'],
  ['LRANGE', [key('list'), 'a', 1], '"a" is not an index'],
  ['HGET', [key('list'), 'a'], 'WRONGTYPE'],
])('%s %o is a failed check', async (command, args, message) => {
  expect(await read(command, ...args)).toMatchObject({ status: 'failed', error: expect.stringContaining(message) })
})

test('the server’s health is returned as numbers', async () => {
  const parameters = { connection: 'r' }
  const evidence = await runCheck(
    { name: 'c', kind: 'redis.info', parameters, timeoutMs: 5_000, retries: 0, place: 'p' },
    targets,
  )
  const [, policy] = (await redis.config('GET', 'maxmemory-policy')) as string[]
  expect(evidence.result).toMatchObject({ maxMemoryPolicy: policy, role: 'master', loading: false, evictedKeys: 0 })
  expect(evidence.result!.version).toMatch(/^\d+\.\d+/)
  expect(evidence.result!.usedMemory).toBeGreaterThan(100_000)
  expect(evidence.result!.connectedClients).toBeGreaterThanOrEqual(2)
})

test('values of megabytes are not read, and the result says that something is missing', async () => {
  const huge = 'x'.repeat(1_000_000)
  await redis.hset(key('huge-hash'), { small: '1', huge })
  await redis.set(key('huge-text'), huge)
  await redis.rpush(key('huge-list'), ...Array.from({ length: 12 }, () => huge))
  const small = [{ field: 'small', value: '1' }]
  expect((await read('HGETALL', key('huge-hash'))).result).toMatchObject({ rows: small, truncated: true })
  expect((await read('HMGET', key('huge-hash'), 'small', 'huge')).result).toMatchObject({
    rows: small,
    truncated: true,
  })
  expect(await read('HGET', key('huge-hash'), 'huge')).toMatchObject({
    status: 'failed',
    error: expect.stringContaining('more than 256 kB'),
  })
  expect((await read('MGET', key('huge-text'), key('hash'))).result).toMatchObject({
    rows: [expect.anything(), { field: key('hash'), value: null }],
    truncated: true,
  })
  expect(await read('LRANGE', key('huge-list'), 0, -1)).toMatchObject({
    status: 'failed',
    error: expect.stringContaining('at most 8 MB'),
  })
  expect(await read('LRANGE', key('huge-list'), 0, 1)).toMatchObject({ status: 'ok' })
})
