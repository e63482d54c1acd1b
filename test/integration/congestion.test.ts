import { once } from 'node:events'
import { connect, createServer, type AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { runCheck } from '../../activities/checks/run-check.ts'
import { Secret } from '../../src/config/secret.ts'
import type { Config } from '../../src/config/config.ts'
import { executeEffect } from '../../src/effects/execute.ts'
import { POSTGRES_LIMITS, type PostgresLimits } from '../../src/engine/setup/doctor-connection-limits.ts'
import { doctorConnections } from '../../src/engine/setup/doctor-connections.ts'
import { openTargets } from '../../src/targets/open-targets.ts'
import { bullmqConnection, postgresConnection } from '../support/connections.ts'
import {
  addRun,
  createEffectsWorld,
  depsFor,
  openTestGate,
  permits,
  pool,
  postgresTarget,
  requestFor,
  type EffectsWorld,
} from '../support/effects-world.ts'

let world: EffectsWorld
beforeAll(async () => {
  world = await createEffectsWorld(inject('stack').postgresUrl)
})
afterAll(() => world?.close())

function targetsWith(maxConnections: { read: number; write: number }) {
  const read = new Secret(world.ownerUrl, 'a test', world.ownerUrl, [])
  const db = { kind: 'postgres', read, ledger: 'target', maxConnections, redact: [] }
  return openTargets({ connections: { db } } as unknown as Config)
}

test('more checks than connections are all answered, each within its own time', async () => {
  const targets = targetsWith({ read: 2, write: 1 })
  const run = (i: number) =>
    runCheck(
      {
        name: 'slow',
        kind: 'sql.query',
        place: `r1/check/${i}`,
        timeoutMs: 1_500,
        retries: 0,
        parameters: {
          connection: 'db',
          sql: 'SELECT 1 AS n FROM pg_sleep(0.6)',
          columns: { n: 'int' },
        },
      },
      targets,
    )
  // The last check waits for 3.6 s. That is longer than its own timeout, and longer than the timeout of a connect.
  const evidence = await Promise.all(Array.from({ length: 14 }, (_, i) => run(i)))
  expect(evidence.filter(({ status }) => status !== 'ok')).toEqual([])
  expect(Math.max(...evidence.map(({ durationMs }) => durationMs))).toBeLessThan(1_500)
  await targets.close()
})

/** A proxy whose answers arrive late. `most` is the largest number of connections that were open at the same time. */
async function slowProxy(to: URL, delayMs: number) {
  let open = 0
  const seen = { most: 0 }
  const server = createServer((client) => {
    open += 1
    seen.most = Math.max(seen.most, open)
    const upstream = connect(Number(to.port), to.hostname)
    client.pipe(upstream)
    upstream.on('data', (bytes) => setTimeout(() => client.writable && client.write(bytes), delayMs))
    for (const socket of [client, upstream]) socket.on('error', () => {})
    upstream.on('close', () => client.destroy())
    client.on('close', () => {
      open -= 1
      upstream.destroy()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = new URL(to)
  url.port = String((server.address() as AddressInfo).port)
  return { url: url.href, seen, close: () => server.close() }
}

test('more reads of a slow Redis than connections are all answered, each within its own time', async () => {
  const slow = await slowProxy(new URL(inject('stack').redisUrl), 400)
  const c = bullmqConnection(slow.url, { maxConnections: { read: 3 } })
  const targets = openTargets({ connections: { c } })
  const read = (i: number) => {
    const place = `r1/check/${i}`
    const parameters = { connection: 'c' }
    return runCheck({ name: 'info', kind: 'redis.info', place, timeoutMs: 1_500, retries: 0, parameters }, targets)
  }
  // Two checks read at a time, so the last check waits for 2.4 s, which is longer than its timeout.
  const evidence = await Promise.all(Array.from({ length: 14 }, (_, i) => read(i)))
  expect(evidence.filter(({ status }) => status !== 'ok')).toEqual([])
  expect(Math.max(...evidence.map(({ durationMs }) => durationMs))).toBeLessThan(1_500)
  expect(slow.seen.most).toBe(3)
  await targets.close()
  slow.close()
})

test('doctor compares the connections that all processes may open with the limits of role, database and servers', async () => {
  const role = `${world.name}_few`
  await world.owner.query(`CREATE ROLE ${role} LOGIN PASSWORD 'few' CONNECTION LIMIT 9 IN ROLE pg_monitor`)
  const url = new URL(world.ownerUrl)
  Object.assign(url, { username: role, password: 'few' })
  const detailOf = async (maxConnections: { read: number; write: number }, workers: number | undefined) => {
    const c = { ...postgresConnection(url.href, world.writeUrl), maxConnections }
    const [finding] = await doctorConnections({ connections: { c } }, { workers })
    return `${finding!.detail} → ${finding!.fix}`
  }
  expect(await detailOf({ read: 3, write: 2 }, 2)).not.toContain('may open')
  expect(await detailOf({ read: 3, write: 2 }, 3)).toContain(
    `role ${role} may have 9 connections, but 3 workers and the API may open 12`,
  )
  expect(await detailOf({ read: 3, write: 2 }, 3)).toContain(`ALTER ROLE "${role}" CONNECTION LIMIT 12`)
  expect(await detailOf({ read: 5, write: 2 }, undefined)).toContain('one worker and the API may open 10')
  expect(await detailOf({ read: 4, write: 500 }, 1)).toMatch(
    /server, without its reserved connections, may have \d+ connections in all, but the worker and the API may open 1008/,
  )
  await world.owner.query(`ALTER DATABASE ${world.name}_target CONNECTION LIMIT 11`)
  expect(await detailOf({ read: 4, write: 2 }, 1)).toMatch(
    /database \w+ may have 11 connections in all, but the worker and the API may open 12.* → .*ALTER DATABASE/,
  )
  await world.owner.query(`ALTER DATABASE ${world.name}_target CONNECTION LIMIT -1`)
  await world.owner.query(`DROP ROLE ${role}`)

  const redis = bullmqConnection(inject('stack').redisUrl, { maxConnections: { read: 1_000 } })
  const redisDetail = async (workers: number) =>
    (await doctorConnections({ connections: { redis } }, { workers }))[0]!.detail
  expect(await redisDetail(2)).not.toContain('maxclients')
  expect(await redisDetail(30)).toMatch(
    /accepts \d+ connections in all \(maxclients\), but 30 workers and the API may open 31031/,
  )
})

test('doctor adds up the connections to one server, with those of the engine’s own database', async () => {
  const role = `${world.name}_shared`
  await world.owner.query(`CREATE ROLE ${role} LOGIN PASSWORD 'few' CONNECTION LIMIT 19 IN ROLE pg_monitor`)
  const url = new URL(world.ownerUrl)
  Object.assign(url, { username: role, password: 'few' })
  const { write: _, ...reading } = postgresConnection(url.href, url.href)
  const connections = {
    orders: { ...reading, maxConnections: { read: 5, write: 1 } },
    payments: { ...reading, maxConnections: { read: 5, write: 1 } },
  }
  const own = (await world.engine.query<PostgresLimits>(POSTGRES_LIMITS)).rows[0]!
  const togetherOf = async (workers: number, mine = own) =>
    (await doctorConnections({ connections }, { workers }, [], mine)).filter(
      ({ name }) => name === 'connections together',
    )
  const shared = `role ${role} may have 19 connections, but the worker and the API may open 20: orders 10, payments 10`
  expect(await togetherOf(1)).toMatchObject([{ warning: true, detail: shared }])
  expect((await togetherOf(1))[0]!.fix).toContain(`ALTER ROLE "${role}" CONNECTION LIMIT 20, or set a smaller`)
  await world.owner.query(`ALTER ROLE ${role} CONNECTION LIMIT -1`)
  expect(await togetherOf(1)).toEqual([])
  const most = (await world.owner.query<{ most: number }>(`SELECT current_setting('max_connections')::int AS most`))
    .rows[0]!.most
  const details = (await togetherOf(most)).map(({ detail }) => detail)
  expect(details).toContainEqual(
    expect.stringMatching(
      /^the server, without its reserved connections, .* may open \d+: orders \d+, payments \d+, the engine's own database \d+$/,
    ),
  )
  const few = { ...own, role: 'engine', roleLimit: 29 }
  expect((await togetherOf(1, few)).map(({ detail }) => detail)).toEqual([
    "role engine may have 29 connections, but the worker and the API may open 30: the engine's own database 30",
  ])
  expect((await togetherOf(1, { ...few, server: 'another server', serverLimit: 30 })).length).toBe(1)
  await world.owner.query(`DROP ROLE ${role}`)

  const { redisUrl } = inject('stack')
  const queue = (name: string) => ({ ...bullmqConnection(redisUrl, { maxConnections: { read: 200 } }), queue: name })
  const queues = { a: queue('a'), b: queue('b') }
  const findings = await doctorConnections({ connections: queues }, { workers: 30 })
  expect(findings.map(({ name, detail }) => `${name}: ${detail}`)).toContainEqual(
    expect.stringMatching(
      /^connections together: the server accepts \d+ connections in all \(maxclients\), but 30 workers and the API may open 12462: a 6231, b 6231$/,
    ),
  )
})

test('writes that wait for row locks refuse no other write, with or without a ledger', async () => {
  for (const ledger of ['none', 'target'] as const) {
    const writers = pool(world.writeUrl, 2)
    Object.assign(writers.options, { connectionTimeoutMillis: 300 })
    const ids = ['a', 'b', 'c', 'd', 'e', 'f'].map((id) => `${ledger}-${id}`)
    for (const id of ids) await addRun(world, id)
    const locker = await world.owner.connect()
    await locker.query('BEGIN')
    await locker.query('SELECT FROM runs FOR UPDATE')
    const { takePermit } = permits()
    const applying = ids.map(async (id) => {
      const gate = await openTestGate(world)
      const where = { id, status: 'RUNNING' }
      const request = requestFor(
        gate,
        'sql.update',
        { connection: 'db', table: 'runs', where, set: { status: 'FAILED' } },
        id,
      )
      return executeEffect(request, depsFor(world, postgresTarget(writers, ledger), takePermit))
    })
    await expect
      .poll(
        async () =>
          (
            await world.owner.query(
              `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
            )
          ).rowCount,
      )
      .toBe(2)
    // The statement takes longer than a connect may take.
    await world.owner.query('SELECT pg_sleep(0.6)')
    await locker.query('ROLLBACK')
    locker.release()
    const answers = await Promise.all(applying)
    expect(answers).toEqual(ids.map(() => ({ effect: expect.objectContaining({ result: 'applied' }) })))
    await writers.end()
  }
})

test('a write without a ledger that gets no connection spends no intent and asks for no permit', async () => {
  const nowhere = new URL(world.writeUrl)
  nowhere.port = '9'
  const writers = pool(nowhere.href, 1)
  await addRun(world, 'unreachable')
  const gate = await openTestGate(world)
  const where = { id: 'unreachable', status: 'RUNNING' }
  const request = requestFor(gate, 'sql.update', { connection: 'db', table: 'runs', where, set: { status: 'FAILED' } })
  const { requests, takePermit } = permits()
  await expect(
    executeEffect(request, depsFor(world, postgresTarget(writers, 'none'), takePermit)),
  ).rejects.toMatchObject({ code: 'RUNBOOK_UNREACHABLE' })
  expect(requests).toEqual([])
  const intents = await world.engine.query('SELECT FROM runbook.intents WHERE gate = $1', [gate])
  expect(intents.rowCount).toBe(0)
  await writers.end()
})
