import { randomBytes } from 'node:crypto'
import { Queue, Worker } from 'bullmq'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { runCheck } from '../../activities/checks/run-check.ts'
import { resolveSecret } from '../../src/config/secret.ts'
import { prepareConnection } from '../../src/engine/setup/prepare-connection.ts'
import type { PreparedConnection } from '../../src/engine/setup/prepared-connection.ts'
import { openTargets } from '../../src/targets/open-targets.ts'

const prefix = `prepare-${randomBytes(4).toString('hex')}`
const key = (part: string) => `${prefix}:queue:${part}`
let redisUrl: string
let admin: Redis
let queue: Queue
let worker: Worker
let prepared: PreparedConnection
let reader: Redis
let writer: Redis

beforeAll(async () => {
  redisUrl = inject('stack').redisUrl
  admin = new Redis(redisUrl)
  queue = new Queue('queue', { prefix, connection: { url: redisUrl } })
  worker = new Worker('queue', async () => {}, {
    prefix,
    name: 'w-1',
    connection: { url: redisUrl, maxRetriesPerRequest: null },
  })
  await worker.waitUntilReady()
  await queue.add('x', {}, { jobId: 'a', delay: 60_000 })
  await admin.set(`${prefix}-other`, 'not ours')
  prepared = await prepare({})
  reader = new Redis(prepared.env.Q_READ!, { protocol: 2, disableClientInfo: true })
  writer = new Redis(prepared.env.Q_WRITE!, { protocol: 2, disableClientInfo: true })
})

afterAll(async () => {
  for (const client of [reader, writer]) client?.disconnect()
  for (const url of Object.values(prepared?.env ?? {})) await admin.call('ACL', 'DELUSER', new URL(url).username)
  await worker.close()
  await queue.obliterate({ force: true })
  await queue.close()
  await admin.del(`${prefix}-other`)
  admin.disconnect()
})

function config(environment: Record<string, string>) {
  const secret = (variable: string) => resolveSecret(`\${${variable}}`, 'test', environment)
  const shared = { kind: 'bullmq' as const, prefix, queue: 'queue', stalledIntervalMs: 500, redact: [] }
  return { connections: { q: { ...shared, read: secret('Q_READ'), write: secret('Q_WRITE') } } }
}

const prepare = (environment: Record<string, string>) =>
  prepareConnection(config(environment), 'q', { adminUrl: redisUrl })

test('reports what was done, without a secret', () => {
  const report = [...prepared.did, ...prepared.warnings].join('\n')
  expect(report).toContain(`user ${new URL(prepared.env.Q_READ!).username}: read commands on ${prefix}:queue:*`)
  expect(report).toMatch(/users saved in |lost when it restarts/)
  for (const url of Object.values(prepared.env)) expect(report).not.toContain(new URL(url).password)
})

test.each([
  ['bullmq.queue', { watchStalledCheck: true }],
  ['bullmq.jobs', { ids: ['a', 'gone'] }],
  [
    'bullmq.jobs',
    { states: ['waiting', 'delayed', 'failed', 'active', 'prioritized', 'completed', 'waiting-children'] },
  ],
  ['bullmq.failures', { since: '1h' }],
  ['redis.info', {}],
  ['redis.read', { command: 'HGETALL', args: [`${prefix}:queue:meta`] }],
  ['redis.read', { command: 'SMEMBERS', args: [`${prefix}:queue:stalled`] }],
])('the read user can run %s %o', async (kind, parameters) => {
  const targets = openTargets(config(prepared.env))
  const given = { connection: 'q', ...parameters }
  const evidence = await runCheck(
    { name: 'c', kind, parameters: given, timeoutMs: 5_000, retries: 0, place: 'p' },
    targets,
  )
  await targets.close()
  expect(evidence).toMatchObject({ status: 'ok' })
  if (kind === 'bullmq.queue') expect(evidence.result).toMatchObject({ exists: true, workers: 1, workerNames: ['w-1'] })
})

const commands: [string, ...string[]][] = [
  ['SET', key('x'), '1'],
  ['DEL', key('meta')],
  ['UNLINK', key('meta')],
  ['EXPIRE', key('meta'), '1'],
  ['PERSIST', key('meta')],
  ['RENAME', key('meta'), key('x')],
  ['COPY', key('meta'), key('x')],
  ['RESTORE', key('x'), '0', 'x'],
  ['HSET', key('meta'), 'paused', '1'],
  ['HDEL', key('meta'), 'x'],
  ['LPUSH', key('wait'), 'x'],
  ['RPOP', key('wait')],
  ['RPOPLPUSH', key('wait'), key('x')],
  ['SADD', key('x'), '1'],
  ['ZADD', key('delayed'), '1', 'x'],
  ['ZPOPMIN', key('delayed')],
  ['XADD', key('events'), '*', 'a', 'b'],
  ['SETRANGE', key('x'), '0', 'x'],
  ['GETSET', key('x'), '1'],
  ['GETEX', key('x'), 'EX', '1'],
  ['GETDEL', key('x')],
  ['PFADD', key('x'), '1'],
  ['PFCOUNT', key('x')],
  ['SORT', key('wait'), 'STORE', key('x')],
  ['BITFIELD', key('x'), 'SET', 'u8', '0', '1'],
  ['GEORADIUS', key('x'), '0', '0', '1', 'm', 'STORE', key('y')],
  ['EVAL', 'return 1', '0'],
  ['EVAL', `return redis.call('SET', KEYS[1], '1')`, '1', key('x')],
  ['EVALSHA', 'e0e1f9fabfc9d4800c877a703b823ac0578ff8db', '0'],
  ['EVAL_RO', 'return 1', '0'],
  ['SCRIPT', 'LOAD', 'return 1'],
  ['FUNCTION', 'LIST'],
  ['FCALL', 'f', '0'],
  ['MULTI'],
  ['BLPOP', key('wait'), '1'],
  ['BZPOPMIN', key('marker'), '1'],
  ['XREAD', 'BLOCK', '1', 'STREAMS', key('events'), '$'],
  ['SUBSCRIBE', 'x'],
  ['PUBLISH', 'x', 'y'],
  ['KEYS', '*'],
  ['SCAN', '0'],
  ['RANDOMKEY'],
  ['DBSIZE'],
  ['FLUSHDB'],
  ['FLUSHALL'],
  ['SWAPDB', '0', '1'],
  ['MOVE', key('meta'), '1'],
  ['CONFIG', 'GET', '*'],
  ['CONFIG', 'SET', 'maxmemory', '1'],
  ['CLIENT', 'KILL', 'TYPE', 'normal'],
  ['CLIENT', 'PAUSE', '1'],
  ['CLIENT', 'UNBLOCK', '1'],
  ['CLIENT', 'NO-EVICT', 'ON'],
  ['ACL', 'LIST'],
  ['ACL', 'SETUSER', 'me', 'on'],
  ['DEBUG', 'SLEEP', '0'],
  ['MONITOR'],
  ['SHUTDOWN', 'NOSAVE'],
  ['SAVE'],
  ['BGSAVE'],
  ['BGREWRITEAOF'],
  ['REPLICAOF', 'NO', 'ONE'],
  ['FAILOVER'],
  ['SLOWLOG', 'RESET'],
  ['LATENCY', 'RESET'],
  ['MEMORY', 'PURGE'],
  ['MODULE', 'LIST'],
  ['GET', `${prefix}-other`],
  ['HGETALL', 'bull:queue:meta'],
]

test.each(commands.map((command) => [command.join(' '), command] as const))(
  'the read user is refused %s',
  async (_, command) => {
    const [name, ...args] = command
    await expect(reader.call(name, ...args)).rejects.toThrow(name === 'DEBUG' ? /NOPERM|not allowed/ : /^NOPERM/)
  },
)

test('the write user may run the scripts of the actions on its queue', async () => {
  const script = `redis.call('HSET', KEYS[1], 'a', '1') redis.call('DEL', KEYS[1]) return redis.call('TIME')[1]`
  expect(Number(await writer.call('EVAL', script, '1', key('scratch')))).toBeGreaterThan(0)
})

test.each([
  ['another key', 'SET', `${prefix}-other`, '1'],
  ['another key within a script', 'EVAL', `return redis.call('SET', KEYS[1], '1')`, '1', `${prefix}-other`],
  ['FLUSHDB within a script', 'EVAL', `return redis.call('FLUSHDB')`, '0'],
  ['FLUSHALL', 'FLUSHALL'],
  ['CONFIG', 'CONFIG', 'SET', 'maxmemory', '1'],
  ['KEYS', 'KEYS', '*'],
  ['CLIENT KILL', 'CLIENT', 'KILL', 'TYPE', 'normal'],
  ['SHUTDOWN', 'SHUTDOWN', 'NOSAVE'],
  ['ACL', 'ACL', 'LIST'],
])('the write user is refused %s', async (_, name, ...args) => {
  await expect(writer.call(name, ...args)).rejects.toThrow(/NOPERM|can't (access|run)|No permissions/i)
})

test('preparing again keeps working passwords and revokes additional rights', async () => {
  const user = new URL(prepared.env.Q_READ!).username
  await admin.call('ACL', 'SETUSER', user, '+flushdb', '~*')
  const again = await prepare(prepared.env)
  expect(again.env).toEqual(prepared.env)
  await expect(reader.call('FLUSHDB')).rejects.toThrow(/^NOPERM/)
  await expect(reader.get(`${prefix}-other`)).rejects.toThrow(/^NOPERM/)
})

test('a password that no longer works is replaced', async () => {
  const stale = Object.assign(new URL(prepared.env.Q_READ!), { password: 'stale' }).href
  const again = await prepare({ ...prepared.env, Q_READ: stale })
  expect(again.env.Q_READ).not.toBe(stale)
  const client = new Redis(again.env.Q_READ!, { protocol: 2, disableClientInfo: true })
  expect(await client.hget(key('meta'), 'nope')).toBeNull()
  client.disconnect()
  prepared = again
})
