import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { runCheck } from '../../activities/checks/run-check.ts'
import { Secret } from '../../src/config/secret.ts'
import type { Config } from '../../src/config/config.ts'
import { executeEffect } from '../../src/effects/execute.ts'
import { openTargets } from '../../src/targets/open-targets.ts'
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
  // The last of them waits for 3.6 s, longer than its timeout and than the timeout of a connect.
  const evidence = await Promise.all(Array.from({ length: 14 }, (_, i) => run(i)))
  expect(evidence.filter(({ status }) => status !== 'ok')).toEqual([])
  expect(Math.max(...evidence.map(({ durationMs }) => durationMs))).toBeLessThan(1_500)
  await targets.close()
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
        async () => (await world.owner.query(`SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'`)).rowCount,
      )
      .toBe(2)
    // Longer than a connect may take.
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
