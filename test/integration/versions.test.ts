import { Queue as Queue6, Worker as Worker6 } from 'bullmq'
import { Queue as Queue5, Worker as Worker5 } from 'bullmq-5'
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest'
import { previewAction } from '../../activities/preview-action.ts'
import type { Effect } from '../../src/core/effect.ts'
import type { JsonObject } from '../../src/core/json.ts'
import { executeEffect } from '../../src/effects/execute.ts'
import { doctorConnections } from '../../src/engine/setup/doctor-connections.ts'
import { prepareConnection } from '../../src/engine/setup/prepare-connection.ts'
import { resolveSecret } from '../../src/config/secret.ts'
import type { Targets } from '../../src/targets/targets.ts'
import { bullmqConnection, check, openTestTargets, postgresConnection } from '../support/connections.ts'
import {
  addRun,
  createEffectsWorld,
  depsFor,
  eventually,
  openTestGate,
  permits,
  readRun,
  requestFor,
  type EffectsWorld,
} from '../support/effects-world.ts'
import { startPostgresServer, type PostgresServer } from '../support/postgres-server.ts'
import { startRedisServer, type RedisServer } from '../support/redis-server.ts'
import { pathOf, postgres15, redis6, redis7, skipWithout, valkey9 } from '../support/server-programs.ts'

let world: EffectsWorld

beforeAll(async () => {
  world = await createEffectsWorld(inject('stack').postgresUrl)
})
afterAll(() => world?.close())

async function apply(into: EffectsWorld, targets: Targets, kind: string, parameters: JsonObject): Promise<Effect> {
  const request = requestFor(await openTestGate(into), kind, { connection: 'c', ...parameters })
  const answer = await executeEffect(request, depsFor(into, targets, permits().takePermit))
  if (!('effect' in answer)) throw new Error(JSON.stringify(answer))
  return answer.effect
}

const servers = [
  ['Redis 6.2', await redis6(), /redis_version:6\.2/],
  ['Redis 7', await redis7(), /redis_version:7\./],
  ['Valkey 9', await valkey9(), /valkey_version:9\./],
] as const

describe.each(servers)('%s', (_, program, version) => {
  let server: RedisServer

  beforeAll(async () => {
    if ('path' in program) server = await startRedisServer(pathOf(program))
  })
  beforeEach((context) => skipWithout(context, program))
  afterAll(() => server?.stop())

  test.each([
    ['BullMQ 5', 'five', Queue5 as unknown as typeof Queue6, Worker5 as unknown as typeof Worker6],
    ['BullMQ 6', 'six', Queue6, Worker6],
  ] as const)(
    'with %s: prepared logins, every check and every action of a queue',
    async (_bullmq, prefix, Queue, Worker) => {
      expect(await server.admin.info()).toMatch(version)
      const connection = { host: '127.0.0.1', port: server.port, maxRetriesPerRequest: null }
      const queue = new Queue('queue', { prefix, connection })
      const fail = async () => {
        throw new Error('Connection refused by 10.0.0.7')
      }
      const worker = new Worker('queue', fail, { prefix, name: 'w-1', connection })
      worker.on('error', () => {})
      await queue.add('charge', {}, { jobId: 'broken' })
      await eventually(
        'the job fails',
        async () => (await server.admin.zscore(`${prefix}:queue:failed`, 'broken')) !== null,
      )
      await queue.add('mail', {}, { jobId: 'later', delay: 60_000 })

      const secret = (name: string) => resolveSecret(`\${${name}}`, 'test', {})
      const wanted = { ...bullmqConnection('redis://x', { prefix }), read: secret('READ'), write: secret('WRITE') }
      const { env } = await prepareConnection({ connections: { c: wanted } }, 'c', {
        adminUrl: `redis://${server.address}`,
      })
      const prepared = bullmqConnection(env.READ!, { prefix, write: env.WRITE! })
      const targets = openTestTargets({ c: prepared })

      expect((await check(targets, 'redis.info')).result).toMatchObject({ role: 'master', loading: false })
      expect((await check(targets, 'bullmq.queue')).result).toMatchObject({
        failed: 1,
        delayed: 1,
        workers: 1,
        workerNames: ['w-1'],
        workersUnknown: false,
      })
      expect((await check(targets, 'bullmq.jobs', { states: ['failed'] })).result).toMatchObject({
        rows: [{ id: 'broken' }],
      })
      expect((await check(targets, 'bullmq.failures', { since: '1h' })).result).toMatchObject({ rows: [{ count: 1 }] })
      expect(await doctorConnections({ connections: { c: prepared } })).toMatchObject([
        { ok: true, detail: expect.stringMatching(/^answers; queue/) },
      ])
      await worker.close()

      expect(await apply(world, targets, 'bullmq.retry', { id: 'broken' })).toMatchObject({ result: 'applied' })
      expect(await queue.getJobState('broken')).toBe('waiting')
      expect(await apply(world, targets, 'bullmq.quarantine', { id: 'later' })).toMatchObject({ result: 'applied' })
      expect(await queue.getJobState('later')).toBe('failed')
      await queue.pause()
      const resumed = await apply(world, targets, 'bullmq.resume', {})
      expect([resumed.result, await queue.isPaused()]).toEqual(
        Queue === Queue6 ? ['applied', false] : ['refused', true],
      )
      await targets.close()
      await queue.close()
    },
  )
})

describe('PostgreSQL 15', async () => {
  const programs = await postgres15()
  let primary: PostgresServer
  let replica: PostgresServer
  let on15: EffectsWorld

  beforeAll(async () => {
    if ('missing' in programs) return
    primary = await startPostgresServer(pathOf(programs))
    on15 = await createEffectsWorld(primary.url)
    replica = await startPostgresServer(pathOf(programs), primary)
  })
  beforeEach((context) => skipWithout(context, programs))
  afterAll(async () => {
    await replica?.stop()
    await on15?.close()
    await primary?.stop()
  })

  const onReplica = (url: string) => {
    const changed = new URL(url)
    changed.port = String(replica.port)
    return changed.href
  }
  const update = (id: string) => ({ table: 'runs', set: { status: 'FAILED' }, where: { id }, rows: 1 })
  const statusOf = (id: string) => ({
    sql: 'SELECT status FROM runs WHERE id = $1',
    params: [id],
    columns: { status: 'string' },
  })

  test('prepared logins, a check, a preview and a write with the ledger', async () => {
    const secret = (name: string) => resolveSecret(`\${${name}}`, 'test', {})
    const wanted = { ...postgresConnection('postgres://x'), read: secret('READ'), write: secret('WRITE') }
    const grants = [{ table: 'runs', update: ['status'], select: ['id', 'status'] }]
    const { env } = await prepareConnection({ connections: { c: wanted } }, 'c', { adminUrl: on15.ownerUrl, grants })
    const prepared = postgresConnection(env.READ!, env.WRITE!)
    const targets = openTestTargets({ c: prepared })
    await addRun(on15, 'run-15')
    expect((await check(targets, 'sql.query', statusOf('run-15'))).result).toMatchObject({
      rows: [{ status: 'RUNNING' }],
    })
    const context = { targets, signal: new AbortController().signal }
    const preview = await previewAction('sql.update', { connection: 'c', ...update('run-15') }, context)
    expect([preview.count, preview.warning]).toEqual([1, undefined])
    expect(await apply(on15, targets, 'sql.update', update('run-15'))).toMatchObject({ result: 'applied' })
    expect(await readRun(on15, 'run-15')).toMatchObject({ status: 'FAILED', changes: 1 })
    expect(await doctorConnections({ connections: { c: prepared } })).toMatchObject([{ ok: true }])
    await targets.close()
    for (const url of [env.READ!, env.WRITE!]) {
      const role = new URL(url).username
      await on15.owner.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`)
    }
  })

  test('a read replica: it is read, a write is refused, and gate, doctor and prepare say so before', async () => {
    await addRun(on15, 'replicated')
    const read = onReplica(on15.ownerUrl)
    const connection = postgresConnection(read, onReplica(on15.writeUrl))
    const targets = openTestTargets({ c: connection })
    await eventually('the replica has the row', async () => {
      const { result } = await check(targets, 'sql.query', statusOf('replicated'))
      return (result?.rows as unknown[] | undefined)?.length === 1
    })
    const context = { targets, signal: new AbortController().signal }
    const preview = await previewAction('sql.update', { connection: 'c', ...update('replicated') }, context)
    expect(preview.warning).toContain('the write login connects to a replica')
    const unledgered = openTestTargets({ c: { ...connection, ledger: 'none' } })
    for (const written of [targets, unledgered])
      await expect(apply(on15, written, 'sql.update', update('replicated'))).rejects.toMatchObject({
        message: expect.stringContaining('accepts no writes now: it is a read replica'),
        // The engine waits for such a connection for as long as the approval is valid.
        detail: { connection: 'c', down: true },
      })
    await unledgered.close()
    expect(await readRun(on15, 'replicated')).toMatchObject({ status: 'RUNNING' })
    const [finding] = await doctorConnections({ connections: { c: connection } })
    expect(finding).toMatchObject({
      warning: true,
      detail: expect.stringMatching(/read login connects to a replica, whose last change is .* old/),
    })
    expect(finding!.detail).toContain('the write login connects to a replica, which refuses writes')
    const secret = (name: string) => resolveSecret(`\${${name}}`, 'test', {})
    const wanted = { ...postgresConnection('postgres://x'), read: secret('READ'), write: secret('WRITE') }
    const preparing = prepareConnection({ connections: { c: wanted } }, 'c', { adminUrl: onReplica(primary.url) })
    await expect(preparing).rejects.toThrow('the admin address belongs to a read replica')
    await targets.close()
  })
})
