import { Queue, Worker } from 'bullmq'
import { Cluster, Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest'
import type { Effect } from '../../src/core/effect.ts'
import type { JsonObject } from '../../src/core/json.ts'
import { executeEffect } from '../../src/effects/execute.ts'
import { doctorConnections } from '../../src/engine/setup/doctor-connections.ts'
import { prepareConnection } from '../../src/engine/setup/prepare-connection.ts'
import { resolveSecret } from '../../src/config/secret.ts'
import type { Targets } from '../../src/targets/targets.ts'
import { bullmqConnection, check, openTestTargets, secretOf } from '../support/connections.ts'
import {
  createEffectsWorld,
  depsFor,
  eventually,
  openTestGate,
  permits,
  requestFor,
  type EffectsWorld,
} from '../support/effects-world.ts'
import { startRedisServer, type RedisServer } from '../support/redis-server.ts'
import { pathOf, redis7, skipWithout } from '../support/server-programs.ts'

const program = await redis7()
let world: EffectsWorld
const cleanups: (() => unknown)[] = []

beforeAll(async () => {
  world = await createEffectsWorld(inject('stack').postgresUrl)
})
afterAll(() => world?.close())
beforeEach((context) => skipWithout(context, program))
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function start(settings: Record<string, string> = {}, password?: string): Promise<RedisServer> {
  const server = await startRedisServer(pathOf(program), settings, password === undefined ? {} : { password })
  cleanups.push(() => server.stop())
  return server
}

function open(connection: ReturnType<typeof bullmqConnection>): Targets {
  const targets = openTestTargets({ c: connection })
  cleanups.push(() => targets.close())
  return targets
}

async function addFailed(redis: Redis | Cluster, base: string, id: string): Promise<void> {
  await redis.hset(`${base}:meta`, 'version', 'bullmq:6.7.0')
  await redis.hset(`${base}:${id}`, { name: 'x', data: '{}', opts: '{}', failedReason: 'broken' })
  await redis.zadd(`${base}:failed`, 1, id)
}

async function apply(targets: Targets, kind: string, parameters: JsonObject = {}): Promise<Effect> {
  const request = requestFor(await openTestGate(world), kind, { connection: 'c', ...parameters })
  const answer = await executeEffect(request, depsFor(world, targets, permits().takePermit))
  if (!('effect' in answer)) throw new Error(JSON.stringify(answer))
  return answer.effect
}

const url = (server: RedisServer, login = '') => `redis://${login}${server.address}`

describe('a login without commands that hosted servers withhold', () => {
  test('of CLIENT LIST: the number of workers is unknown', async () => {
    const server = await start()
    await server.admin.call('ACL', 'SETUSER', 'u', 'on', '>pw-of-u-1', '~*', '+@all', '-client|list', '-config', '-acl')
    const { result } = await check(open(bullmqConnection(url(server, 'u:pw-of-u-1@'))), 'bullmq.queue')
    expect(result).toMatchObject({ workers: 0, workersUnknown: true, truncated: true })
  })

  test('of INFO: it may be a replica, so the number of workers is unknown', async () => {
    const server = await start()
    await server.admin.call('ACL', 'SETUSER', 'u', 'on', '>pw-of-u-1', '~*', '+@all', '-info')
    const { result } = await check(open(bullmqConnection(url(server, 'u:pw-of-u-1@'))), 'bullmq.queue')
    expect(result).toMatchObject({ workersUnknown: true, truncated: true })
  })

  test('that the server has renamed: as without the right', async () => {
    const server = await start({ 'rename-command': 'CLIENT ""' })
    const { result } = await check(open(bullmqConnection(url(server))), 'bullmq.queue')
    expect(result).toMatchObject({ workersUnknown: true })
  })
})

describe('connection prepare', () => {
  const prepare = (adminUrl: string) => {
    const secret = (name: string) => resolveSecret(`\${${name}}`, 'test', {})
    const wanted = { ...bullmqConnection('redis://x'), read: secret('READ'), write: secret('WRITE') }
    return prepareConnection({ connections: { c: wanted } }, 'c', { adminUrl })
  }

  test('on a server without ACL says which user to create, with which rules', async () => {
    const server = await start({ 'rename-command': 'ACL ""' })
    await expect(prepare(url(server))).rejects.toThrow(
      /does not offer ACL SETUSER.*runbook-c-bull-queue-read; rules: .*~bull:queue:\*/,
    )
  })

  test('on a server without CONFIG creates the users and warns that they may be lost', async () => {
    const server = await start({ 'rename-command': 'CONFIG ""' })
    const { env, warnings } = await prepare(url(server))
    expect(Object.keys(env)).toEqual(['READ', 'WRITE'])
    expect(warnings).toEqual([expect.stringContaining('unknown whether the users are kept')])
  })
})

describe('doctor', () => {
  test('says what checks cannot see and that actions are refused', async () => {
    const server = await start()
    await server.admin.call('ACL', 'SETUSER', 'u', 'on', '>pw-of-u-1', '~*', '+@all', '-client|list', '-eval')
    const [finding] = await doctorConnections({ connections: { c: bullmqConnection(url(server, 'u:pw-of-u-1@')) } })
    expect(finding).toMatchObject({ ok: true, warning: true })
    expect(finding!.detail).toMatch(
      /number of workers is unknown: CLIENT LIST.*are refused: the write login lacks EVAL/,
    )
  })
})

describe('a Redis Cluster', () => {
  let nodes: RedisServer[] = []

  beforeAll(async () => {
    if ('missing' in program) return
    nodes = await Promise.all([0, 1, 2].map(() => startRedisServer(pathOf(program), { 'cluster-enabled': 'yes' })))
    const bounds = [0, 5_461, 10_923, 16_384]
    for (const [i, { admin }] of nodes.entries())
      await admin.call('CLUSTER', 'ADDSLOTSRANGE', bounds[i]!, bounds[i + 1]! - 1)
    for (const { port } of nodes.slice(1)) await nodes[0]!.admin.call('CLUSTER', 'MEET', '127.0.0.1', port)
    const isComplete = async ({ admin }: RedisServer) =>
      /cluster_state:ok[^]*cluster_known_nodes:3/.test(String(await admin.call('CLUSTER', 'INFO')))
    await eventually('the cluster is complete', async () => (await Promise.all(nodes.map(isComplete))).every(Boolean))
  })
  afterAll(() => Promise.all(nodes.map((node) => node.stop())))

  const cluster = () => {
    const client = new Cluster(nodes.map(({ port }) => ({ host: '127.0.0.1', port })))
    cleanups.push(() => client.disconnect())
    return client
  }

  test('is read and changed on the node that has the queue, from the address of any node', async () => {
    const prefix = '{maestro}'
    const connection = cluster()
    const queue = new Queue('queue', { prefix, connection })
    const worker = new Worker('queue', async () => {}, { prefix, connection: cluster(), name: 'w-1' })
    await worker.waitUntilReady()
    await queue.add('x', {}, { jobId: 'later', delay: 60_000 })
    await addFailed(connection, `${prefix}:queue`, 'broken')
    cleanups.push(
      () => queue.close(),
      () => worker.close(),
    )
    const addresses = new Set<string>()
    for (const node of nodes) {
      const targets = open(bullmqConnection(url(node), { prefix }))
      const { result } = await check(targets, 'bullmq.queue')
      expect(result).toMatchObject({ exists: true, delayed: 1, failed: 1, workers: 1, workersUnknown: false })
      addresses.add((await targets.bullmq('c', 'read')).address)
    }
    expect(addresses.size).toBe(1)
    await queue.pause()
    const targets = open(bullmqConnection(url(nodes[0]!), { prefix }))
    expect(await apply(targets, 'bullmq.retry', { id: 'broken' })).toMatchObject({ result: 'applied' })
    expect(await apply(targets, 'bullmq.quarantine', { id: 'later' })).toMatchObject({ result: 'applied' })
    expect(await queue.getJobCounts('waiting', 'failed')).toMatchObject({ failed: 1 })
  })

  test('prepared logins work on every node', async () => {
    const secret = (name: string) => resolveSecret(`\${${name}}`, 'test', {})
    const wanted = {
      ...bullmqConnection('redis://x', { prefix: '{ready}' }),
      read: secret('READ'),
      write: secret('WRITE'),
    }
    const adminUrl = url(nodes[0]!)
    const { env, did } = await prepareConnection({ connections: { c: wanted } }, 'c', { adminUrl })
    expect(did.filter((step) => step.startsWith('the same users on'))).toHaveLength(2)
    for (const node of nodes) {
      const read = env.READ!.replace(nodes[0]!.address, node.address)
      const targets = open(bullmqConnection(read, { prefix: '{ready}' }))
      expect(await check(targets, 'bullmq.queue')).toMatchObject({ status: 'ok', result: { exists: false } })
    }
  })

  test('a prefix without a hash tag is refused, and the message says what to set', async () => {
    const { status, error } = await check(open(bullmqConnection(url(nodes[0]!))), 'bullmq.queue')
    expect([status, error]).toEqual(['failed', expect.stringContaining('set "prefix" to one such as {bull}')])
  })

  test('a key of another node is an error that names the node, not an absent key', async () => {
    const connection = { kind: 'redis' as const, read: secretOf(url(nodes[0]!)), keys: ['*'], redact: [] }
    const targets = openTestTargets({ c: connection })
    cleanups.push(() => targets.close())
    const { error } = await check(targets, 'redis.read', { command: 'GET', args: ['foo'] })
    expect(error).toContain(`another node of the Redis Cluster has this key`)
    expect(error).toContain(nodes[2]!.address)
  })
})

describe('Redis Sentinel', () => {
  const sentinelOf = (server: RedisServer, name = 'main') => ({ sentinel: { name, addresses: [server.address] } })

  async function startSentinel(primary: RedisServer): Promise<RedisServer> {
    const sentinel = await startRedisServer(pathOf(program), {}, { sentinel: true })
    cleanups.push(() => sentinel.stop())
    await sentinel.admin.call('SENTINEL', 'MONITOR', 'main', '127.0.0.1', primary.port, '1')
    return sentinel
  }

  test('names the primary, also after a failover', async () => {
    const [first, second] = [await start({ 'repl-diskless-sync-delay': '0' }), await start()]
    for (const id of ['a', 'b']) await addFailed(first.admin, 'bull:queue', id)
    await second.admin.call('REPLICAOF', '127.0.0.1', first.port)
    await eventually('the replica has the jobs', async () => (await second.admin.exists('bull:queue:b')) === 1)
    const sentinel = await startSentinel(first)
    // The host of the address is not used.
    const targets = open(bullmqConnection('redis://not-used.invalid:1', sentinelOf(sentinel)))
    expect(await apply(targets, 'bullmq.retry', { id: 'a' })).toMatchObject({ result: 'applied' })
    expect((await targets.bullmq('c', 'write')).address).toBe(first.address)
    await eventually('the failover begins', async () =>
      sentinel.admin.call('SENTINEL', 'FAILOVER', 'main').then(
        () => true,
        () => false,
      ),
    )
    await eventually('the sentinel names the second server', async () => {
      const [, port] = (await sentinel.admin.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'main')) as string[]
      return Number(port) === second.port
    })
    await first.kill()
    let effect: Effect | undefined
    await eventually('the job is retried on the second server', async () => {
      effect = await apply(targets, 'bullmq.retry', { id: 'b' }).catch(() => undefined)
      return effect !== undefined
    })
    expect(effect).toMatchObject({ result: 'applied' })
    expect((await targets.bullmq('c', 'write')).address).toBe(second.address)
    const reader = new Redis(second.port)
    cleanups.push(() => reader.disconnect())
    expect(await reader.lpos('bull:queue:wait', 'b')).toBe(0)
  })

  test('a name that no sentinel knows, and a server that is no sentinel, are errors of the configuration', async () => {
    const server = await start()
    const sentinel = await startSentinel(server)
    const unknown = await check(open(bullmqConnection('redis://x', sentinelOf(sentinel, 'other'))), 'bullmq.queue')
    expect(unknown.error).toContain('no sentinel names a primary "other"')
    const notOne = await check(open(bullmqConnection('redis://x', sentinelOf(server))), 'bullmq.queue')
    expect(notOne.error).toContain('this server is not a sentinel')
  })

  test('the address of a sentinel without "sentinel" is not read as an empty queue', async () => {
    const sentinel = await startSentinel(await start())
    const { status, error } = await check(open(bullmqConnection(url(sentinel))), 'bullmq.queue')
    expect([status, error]).toEqual(['failed', expect.stringContaining('is it a Redis Sentinel?')])
  })
})

describe('a server that refuses', () => {
  test('writes because it is a replica: nothing is applied until it is the primary', async () => {
    const [primary, replica] = [await start({ 'repl-diskless-sync-delay': '0' }), await start()]
    await addFailed(primary.admin, 'bull:queue', 'a')
    await replica.admin.call('REPLICAOF', '127.0.0.1', primary.port)
    await eventually('the replica has the job', async () => (await replica.admin.exists('bull:queue:a')) === 1)
    const targets = open(bullmqConnection(url(primary), { write: url(replica) }))
    await expect(apply(targets, 'bullmq.retry', { id: 'a' })).rejects.toMatchObject({
      code: 'RUNBOOK_UNREACHABLE',
      message: expect.stringContaining('the server is a replica, which refuses writes'),
    })
    expect(await primary.admin.zscore('bull:queue:failed', 'a')).not.toBeNull()
    await replica.admin.call('REPLICAOF', 'NO', 'ONE')
    expect(await apply(targets, 'bullmq.retry', { id: 'a' })).toMatchObject({ result: 'applied' })
  })

  test('everything while it loads its data', async () => {
    const server = await start({ 'loading-process-events-interval-bytes': '1024', 'key-load-delay': '2000' })
    await server.admin.call('DEBUG', 'POPULATE', '3000', 'key', '1000')
    const targets = open(bullmqConnection(url(server)))
    const reloading = server.admin.call('DEBUG', 'RELOAD').catch(() => {})
    let error: string | undefined
    await eventually('it loads', async () => {
      ;({ error } = await check(targets, 'bullmq.queue'))
      return error !== undefined
    })
    expect(error).toContain('does not accept a connection now: the server has started and is still loading its data')
    server.admin.disconnect()
    await reloading
  })

  test('writes because its memory is full: the whole action is applied, or nothing', async () => {
    const server = await start()
    await addFailed(server.admin, 'bull:queue', 'a')
    await server.admin.hset('bull:queue:held', { name: 'x', data: '{}', opts: '{}' })
    await server.admin.rpush('bull:queue:active', 'held')
    await server.admin.set('bull:queue:held:lock', 'token')
    await server.admin.config('SET', 'maxmemory', '1')
    const targets = open(bullmqConnection(url(server)))
    await expect(apply(targets, 'bullmq.quarantine', { id: 'held' })).rejects.toMatchObject({
      message: expect.stringContaining('no memory left (maxmemory) and refuses writes'),
    })
    expect(await server.admin.hexists('bull:queue:held', 'defa')).toBe(0)
    const effect = await apply(targets, 'bullmq.retry', { id: 'a' }).catch(() => undefined)
    const places = [
      await server.admin.zscore('bull:queue:failed', 'a'),
      await server.admin.lpos('bull:queue:wait', 'a'),
    ]
    expect(places).toEqual(effect?.result === 'applied' ? [null, 0] : ['1', null])
  })

  test('reads because it is a replica without its primary', async () => {
    const server = await start({ 'replica-serve-stale-data': 'no' })
    await server.admin.call('REPLICAOF', '127.0.0.1', '1')
    const { error } = await check(open(bullmqConnection(url(server))), 'bullmq.queue')
    expect(error).toContain(
      'does not accept a connection now: the server is a replica without a connection to its primary',
    )
  })

  test.each([
    ['no password', '', 'the server requires a password, and the address has none'],
    ['a wrong password', ':wrong-password@', 'the user or the password in the address is wrong'],
    ['a number of a database that it does not have', ':right-password@', 'the server has no database with this number'],
  ])('%s: the message says so', async (_, login, expected) => {
    const server = await start({ requirepass: 'right-password' }, 'right-password')
    const { status, error } = await check(open(bullmqConnection(`${url(server, login)}/77`)), 'bullmq.queue')
    expect([status, error]).toEqual(['failed', expect.stringContaining(expected)])
  })

  test('nothing, with another database than 0: every read is of that database', async () => {
    const server = await start()
    await server.admin.select(2)
    await addFailed(server.admin, 'bull:queue', 'a')
    const targets = open(bullmqConnection(`${url(server)}/2`))
    expect((await check(targets, 'bullmq.queue')).result).toMatchObject({ exists: true, failed: 1 })
    expect(await apply(targets, 'bullmq.retry', { id: 'a' })).toMatchObject({ result: 'applied' })
  })

  test('commands of an action: the job stays where it is, and nothing is half done', async () => {
    const server = await start()
    await addFailed(server.admin, 'bull:queue', 'a')
    const rights = ['~*', '+@all', '-lpush', '-rpush']
    await server.admin.call('ACL', 'SETUSER', 'u', 'on', '>pw-of-u-1', ...rights)
    const targets = open(bullmqConnection(url(server), { write: url(server, 'u:pw-of-u-1@') }))
    const effect = await apply(targets, 'bullmq.retry', { id: 'a' })
    expect(effect).toMatchObject({
      result: 'refused',
      detail: expect.stringMatching(/may not use LPUSH.*connection prepare/),
    })
    expect(await server.admin.zscore('bull:queue:failed', 'a')).not.toBeNull()
  })
})
