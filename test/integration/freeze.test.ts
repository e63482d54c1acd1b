import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { turnFreeze } from '../../src/engine/freeze.ts'
import { ADVISORY_LOCKS, lockShared } from '../../src/history/advisory-locks.ts'
import { openDatabase, transaction } from '../../src/history/database.ts'
import { setState } from '../../src/history/record.ts'
import { recordEffect } from '../../src/effects/record-effect.ts'
import { accept, openEngineWorld, propose, type EngineWorld } from '../support/engine-world.ts'

let world: EngineWorld
beforeAll(async () => {
  world = await openEngineWorld(inject('stack').postgresUrl)
})
afterAll(() => world?.close())

const on = { on: true, person: 'operator', reason: 'stop everything' }
const off = { on: false, person: 'operator', reason: 'continue' }

async function timed<T>(work: () => Promise<T>): Promise<{ result: T; ms: number }> {
  const started = performance.now()
  return { result: await work(), ms: performance.now() - started }
}

test('a freeze returns within 2 s while a stopped worker holds the lock of a permit, and that worker gets no permit', async () => {
  const stopped = await world.engine.connect()
  stopped.on('error', () => {})
  await stopped.query('BEGIN')
  await lockShared(stopped, ADVISORY_LOCKS.controls)

  const { result, ms } = await timed(() => turnFreeze(world.applicationUrl, on))
  expect(ms).toBeLessThan(2_000)
  expect(result).toMatchObject({ turned: true, ended: 1, freeze: { name: 'freeze' } })
  await expect(stopped.query('COMMIT')).rejects.toThrow()
  stopped.release(true)
  await turnFreeze(world.applicationUrl, off)
})

test('a freeze waits for no locked incident, and its history has the freeze when the lock ends in time', async () => {
  const [locked, free] = [await accept(world), await accept(world)]
  const holder = await world.owner.connect()
  await holder.query('BEGIN')
  await holder.query('SELECT FROM runbook.incidents WHERE id = $1 FOR UPDATE', [locked.incident])

  const { ms } = await timed(() => turnFreeze(world.applicationUrl, on))
  expect(ms).toBeLessThan(2_000)
  await holder.query('ROLLBACK')
  holder.release()
  const controls = async (incident: string) =>
    (
      await world.reader.query(`SELECT FROM runbook.events WHERE incident = $1 AND body::jsonb->>'kind' = 'control'`, [
        incident,
      ])
    ).rowCount
  expect([await controls(free.incident), await controls(locked.incident)]).toEqual([1, 0])

  await turnFreeze(world.applicationUrl, off)
  expect([await controls(free.incident), await controls(locked.incident)]).toEqual([2, 1])
})

test('a freeze reports the permits whose effects are not recorded', async () => {
  const { incident, gate } = await propose(world)
  for (const target of ['a', 'b'])
    await world.engine.query(
      `INSERT INTO runbook.permits (gate, target, remedy, lease, fence) VALUES ($1, $2, 'things/mend', $2, 1)`,
      [gate, target],
    )
  await setState(world.engine, incident, 'applying')
  await recordEffect(world.engine, { gate, action: '0-sql.update', target: 'a', result: 'applied', detail: '' })

  const frozen = await turnFreeze(world.applicationUrl, on)
  expect(frozen.inFlight).toEqual([{ incident, gate, target: 'b', issuedAt: expect.stringMatching(/^\d{4}-.*Z$/) }])
  await turnFreeze(world.applicationUrl, off)
})

test('the server ends a transaction of the engine whose process stopped, and limits its locks and statements', async () => {
  const database = openDatabase(world.applicationUrl, { max: 1 })
  const settings = await transaction(database, async (connection) => {
    const shown = await connection.query<{ name: string; setting: string }>(
      `SELECT name, setting FROM pg_settings
       WHERE name IN ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout') ORDER BY name`,
    )
    return shown.rows.map(({ setting }) => Number(setting))
  })
  expect(settings).toEqual([10_000, 5_000, 20_000])
  await database.end()
})

test('sessions of the engine have limits by their role too, also outside a transaction and after a pooler', async () => {
  const shown = await world.engine.query<{ name: string; setting: string }>(
    `SELECT name, setting FROM pg_settings WHERE name IN
       ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout', 'tcp_keepalives_idle')`,
  )
  expect(shown.rows.filter(({ setting }) => setting === '0')).toEqual([])
})
