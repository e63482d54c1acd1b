import { NO_POLICY } from '../../src/core/policy.ts'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { canonical } from '../../src/core/canonical.ts'
import { controlFaults } from '../../src/engine/audit/controls.ts'
import { turnFreeze } from '../../src/engine/freeze.ts'
import { switchControl } from '../../src/gate/controls.ts'
import { newSigningKey, openKeyring } from '../../src/gate/keyring.ts'
import { ADVISORY_LOCKS, lockShared } from '../../src/history/advisory-locks.ts'
import { openDatabase, transaction } from '../../src/history/database.ts'
import { recordEvents, setState } from '../../src/history/record.ts'
import { recordEffect } from '../../src/effects/record-effect.ts'
import { accept, openEngineWorld, propose, type EngineWorld } from '../support/engine-world.ts'
import { takeProposedPermit } from '../support/take-proposed-permit.ts'

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

test('a freeze is in force within 2 s although a session that it may not end takes a permit, and it names that session', async () => {
  const foreign = await world.superuser.connect()
  await foreign.query('BEGIN')
  await lockShared(foreign, ADVISORY_LOCKS.controls)
  const { rows } = await foreign.query<{ pid: number; role: string }>(
    'SELECT pg_backend_pid() AS pid, current_user::text AS role',
  )

  const { result, ms } = await timed(() => turnFreeze(world.applicationUrl, on))
  expect(ms).toBeLessThan(2_000)
  expect(result).toMatchObject({ turned: true, ended: 0, freeze: { name: 'freeze' }, unseen: rows })
  const rules = {
    keyring: openKeyring({ key: newSigningKey() }, {}),
    people: {},
    isAutoApproved: () => true,
    requesterMayApprove: true,
    policy: NO_POLICY,
  }
  // The configuration approves this proposal by itself, so that only the freeze can refuse the permit.
  const auto = await propose(world, { approval: { auto: true }, gate: { withinMs: 60_000 } })
  const recheck = { round: 1, holds: true as const, because: '', targets: ['a'], skipped: {} }
  const [checked] = await recordEvents(world.engine, auto.incident, [
    { place: 'r1/recheck1', actor: 'engine', kind: 'recheck', data: recheck },
  ])
  const wanted = { gate: auto.gate, target: 'a', recheckedAt: checked!.at, leaseMs: 1_000 }
  expect(await takeProposedPermit(world.engine, rules, wanted)).toMatchObject({ granted: false, reason: 'frozen' })

  await foreign.query('ROLLBACK')
  foreign.release()
  expect((await turnFreeze(world.applicationUrl, on)).unseen).toEqual([])
  await turnFreeze(world.applicationUrl, off)
})

test('a freeze says that it was not switched, within 2 s, when a session that it may not end is switching a control', async () => {
  const foreign = await world.superuser.connect()
  await foreign.query('BEGIN; LOCK TABLE runbook.control_events IN SHARE ROW EXCLUSIVE MODE')
  const { ms } = await timed(() =>
    expect(turnFreeze(world.applicationUrl, on)).rejects.toThrow(/the freeze was not turned on or off.*pid \d+/),
  )
  expect(ms).toBeLessThan(2_000)
  await foreign.query('ROLLBACK')
  foreign.release()
})

test('a freeze ends a session of the engine that stopped while it switched a control', async () => {
  const stopped = await world.engine.connect()
  stopped.on('error', () => {})
  await stopped.query('BEGIN')
  await switchControl(stopped, { control: 'breaker/db', on: true, person: 'engine', reason: 'a test' })
  const { result, ms } = await timed(() => turnFreeze(world.applicationUrl, on))
  expect(ms).toBeLessThan(2_000)
  expect(result).toMatchObject({ turned: true, freeze: { name: 'freeze' } })
  stopped.release(true)
  await turnFreeze(world.applicationUrl, off)
})

test('no role but the owner can keep a control from being switched', async () => {
  for (const role of [world.reader, world.engine])
    await expect(role.query('BEGIN; LOCK TABLE runbook.control_events IN SHARE MODE')).rejects.toThrow(
      'permission denied',
    )
})

test('processes of the previous version and of this one write one chain of control events', async () => {
  const body = (turned: boolean) =>
    canonical({ control: 'breaker/old', on: turned, person: 'operator', reason: 'a test' })
  await Promise.all([
    world.engine.query('SELECT runbook.turn_control($1)', [body(true)]),
    turnFreeze(world.applicationUrl, on),
    world.engine.query('SELECT runbook.turn_control($1)', [body(true)]),
  ])
  await turnFreeze(world.applicationUrl, off)
  await world.engine.query('SELECT runbook.turn_control($1)', [body(false)])
  expect(await controlFaults(world.engine)).toEqual([])
})

/** How many changes of controls the history of an incident has. */
async function controls(incident: string): Promise<number | null> {
  const sql = `SELECT FROM runbook.events WHERE incident = $1 AND body::jsonb->>'kind' = 'control'`
  return (await world.reader.query(sql, [incident])).rowCount
}

test('a person who turns the freeze on and off again and again does not fill the history of an incident', async () => {
  const { incident } = await accept(world)
  await world.engine.query(
    `INSERT INTO runbook.tallies (incident, actor, what, count) VALUES ($1, 'person:operator', 'freezes', 49)`,
    [incident],
  )
  const others = (await turnFreeze(world.applicationUrl, on)).incidents - 1
  expect(await controls(incident)).toBe(1)
  expect((await turnFreeze(world.applicationUrl, off)).incidents).toBe(others)
  expect(await controls(incident)).toBe(1)
  await turnFreeze(world.applicationUrl, { ...on, person: 'lead' })
  await turnFreeze(world.applicationUrl, { ...off, person: 'lead' })
  expect(await controls(incident)).toBe(3)
  expect(await controlFaults(world.engine)).toEqual([])
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
