import { readdir } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { canonical, sha256Hex } from '../../src/core/canonical.ts'
import type { Evidence } from '../../src/core/evidence.ts'
import { provisionEngineDatabase } from '../../src/engine/setup/provision.ts'
import { reviewIncident } from '../../src/engine/views/review.ts'
import { incidentsToStart, markStarted } from '../../src/history/accept.ts'
import { closeIncident } from '../../src/history/close.ts'
import { openDatabase, transaction } from '../../src/history/database.ts'
import { engineId } from '../../src/history/engine-id.ts'
import { readEvents, readIncident } from '../../src/history/incidents.ts'
import { migrateHistory, requireMigrated } from '../../src/history/migrate.ts'
import { evidenceBody, recordEvents, recordEvidence } from '../../src/history/record.ts'
import { accept, openEngineWorld, propose, type EngineWorld } from '../support/engine-world.ts'
import { pool } from '../support/effects-world.ts'

let world: EngineWorld

beforeAll(async () => {
  world = await openEngineWorld(inject('stack').postgresUrl)
})

afterAll(async () => {
  await world?.close()
})

function evidence(place: string, rows: unknown[], change: Partial<Evidence> = {}): Evidence {
  const result = { rows, truncated: false } as Evidence['result'] & object
  const ref = sha256Hex(canonical(evidenceBody({ status: 'ok', result })))
  const startedAt = new Date().toISOString()
  return {
    place,
    name: 'bad',
    kind: 'sql.query',
    status: 'ok',
    result,
    ref,
    truncated: false,
    startedAt,
    durationMs: 1,
    ...change,
  }
}

const event = (place: string, actor = 'engine') => ({ place, actor, kind: 'note' as const, data: { body: place } })

async function bodies(incident: string): Promise<string[]> {
  return (await readEvents(world.engine, incident)).map((one) => `${one.place} ${one.actor}`)
}

describe('migrating', () => {
  test('several processes at once apply each migration once, and a second run changes nothing', async () => {
    const superUrl = inject('stack').postgresUrl
    const admin = pool(superUrl, 1)
    const name = `${world.name}_twice`
    await admin.query(`CREATE DATABASE ${name}`)
    const url = new URL(superUrl)
    url.pathname = `/${name}`
    try {
      const applied = await Promise.all([1, 2, 3, 4].map(() => migrateHistory(url.href)))
      const files = await readdir(new URL('../../src/history/migrations', import.meta.url))
      expect(applied.flat().sort()).toEqual(files.sort())
      expect(await migrateHistory(url.href)).toEqual([])
    } finally {
      await admin.query(`DROP DATABASE ${name} WITH (FORCE)`)
      await admin.end()
    }
  })

  test('lets the application and the reader read every table', async () => {
    const { rows } = await world.superuser.query(
      `SELECT tablename, role FROM pg_tables, unnest(ARRAY['runbook_application', 'runbook_reader']) AS role
       WHERE schemaname = 'runbook' AND NOT has_table_privilege(role, format('runbook.%I', tablename), 'SELECT')`,
    )
    expect(rows).toEqual([])
  })

  test('needs no right to create roles if the roles exist', async () => {
    const found = await world.superuser.query('SELECT rolcreaterole, rolsuper FROM pg_roles WHERE rolname = $1', [
      `${world.name}_owner`,
    ])
    expect(found.rows).toEqual([{ rolcreaterole: false, rolsuper: false }])
    expect(await migrateHistory(world.ownerUrl)).toEqual([])
  })

  test('is required: the error names the missing migration', async () => {
    const empty = pool(inject('stack').postgresUrl, 1)
    await expect(requireMigrated(empty)).rejects.toMatchObject({
      code: 'RUNBOOK_CONFIG',
      message: expect.stringContaining('0001-history.sql'),
    })
    await empty.end()
    await expect(requireMigrated(world.engine)).resolves.toBeUndefined()
  })

  test('gives each engine a unique id that cannot change', async () => {
    const id = await engineId(world.engine)
    expect(id).toMatch(/^[0-9a-f-]{36}$/)
    expect(await engineId(world.owner)).toBe(id)
    await expect(world.owner.query('UPDATE runbook.engine SET id = gen_random_uuid()')).rejects.toThrow('append-only')
    await expect(world.owner.query('INSERT INTO runbook.engine DEFAULT VALUES')).rejects.toThrow('duplicate')
    const other = `${world.name}_other`
    const names = { database: other, owner: `${world.name}_owner`, application: `${world.name}_app` }
    const passwords = { owner: new URL(world.ownerUrl).password, application: new URL(world.applicationUrl).password }
    const { applicationUrl } = await provisionEngineDatabase(inject('stack').postgresUrl, names, passwords)
    const there = pool(applicationUrl, 1)
    expect(await engineId(there)).not.toBe(id)
    await there.end()
    const admin = pool(inject('stack').postgresUrl, 1)
    await admin.query(`DROP DATABASE ${other} WITH (FORCE)`)
    await admin.end()
  })
})

describe('accepting an incident', () => {
  test('20 requests with one key at once open one incident, count 20 times, and use one incident number', async () => {
    const before = Number((await accept(world)).incident.slice(4))
    const accepted = await Promise.all(Array.from({ length: 20 }, () => accept(world, { key: 'same' })))
    const incident = `INC-${before + 1}`
    expect(new Set(accepted.map((one) => one.incident))).toEqual(new Set([incident]))
    expect(accepted.filter((one) => one.created)).toHaveLength(1)
    expect(accepted.map((one) => one.occurrences).sort((a, b) => a - b)).toEqual(
      Array.from({ length: 20 }, (_, i) => i + 1),
    )
    expect((await accept(world)).incident).toBe(`INC-${before + 2}`)
    expect(await bodies(incident)).toEqual(['opened person:operator'])
  })

  test('a key belongs to its type: two types have an incident each, and their reports are counted apart', async () => {
    const report = (type: string) => accept(world, { type, key: 'shared', requester: 'alert:test', quietMs: 3_600_000 })
    const [first, second] = [await report('one'), await report('two')]
    expect([first.created, second.created]).toEqual([true, true])
    expect(second.incident).not.toBe(first.incident)
    expect(await report('one')).toEqual({ incident: first.incident, created: false, occurrences: 2 })
    await closeIncident(world.engine, { incident: first.incident, outcome: 'escalated', reason: 'a test' })
    expect(await report('one')).toMatchObject({ incident: first.incident, quiet: true, occurrences: 3 })
    expect(await report('two')).toEqual({ incident: second.incident, created: false, occurrences: 2 })
  })

  test('a key can be used again after its incident closed, also by requests during the closing', async () => {
    const first = await accept(world, { key: 'again' })
    const [, ...others] = await Promise.all([
      closeIncident(world.engine, { incident: first.incident, outcome: 'cleared', reason: 'gone' }),
      ...Array.from({ length: 8 }, () => accept(world, { key: 'again' })),
    ])
    const later = await accept(world, { key: 'again' })
    expect(later.incident).not.toBe(first.incident)
    for (const { incident } of others) expect([first.incident, later.incident]).toContain(incident)
  })

  test('a request with the same idempotency key returns the same incident, also at the same moment and after closing', async () => {
    const request = () => accept(world, { idempotencyKey: 'once', inputs: { run: 'x' } })
    const together = await Promise.all([request(), request(), request()])
    const { incident } = together[0]!
    expect(together.map((one) => one.incident)).toEqual([incident, incident, incident])
    expect(together.filter((one) => one.created)).toHaveLength(1)
    await closeIncident(world.engine, { incident, outcome: 'cleared', reason: 'gone' })
    expect(await request()).toEqual({ incident, created: false, occurrences: 1 })
    await expect(accept(world, { idempotencyKey: 'once', inputs: { run: 'y' } })).rejects.toMatchObject({
      code: 'RUNBOOK_CONFLICT',
      message: expect.stringContaining(incident),
    })
  })

  test('after an incident closed with the symptom still present, automatic reports of its key open no new incident', async () => {
    const quietMs = 3_600_000
    const report = (key: string, ms = quietMs) => accept(world, { key, requester: 'alert:test', quietMs: ms })
    const close = (incident: string, outcome: 'escalated' | 'cleared') =>
      closeIncident(world.engine, { incident, outcome, reason: 'a test' })
    const first = await report('quiet')
    expect(first).toMatchObject({ created: true, occurrences: 1 })
    expect(await report('quiet')).toEqual({ incident: first.incident, created: false, occurrences: 2 })
    await close(first.incident, 'escalated')
    const together = await Promise.all([report('quiet'), report('quiet'), report('quiet')])
    expect(together.map(({ occurrences }) => occurrences).toSorted()).toEqual([3, 4, 5])
    for (const one of together) expect(one).toMatchObject({ incident: first.incident, created: false, quiet: true })

    const byHand = await accept(world, { key: 'quiet' })
    expect(byHand).toMatchObject({ created: true, occurrences: 1 })
    await close(byHand.incident, 'escalated')
    expect(await report('quiet')).toMatchObject({ incident: byHand.incident, quiet: true })
    expect(await report('quiet', 0)).toMatchObject({ created: true })
  })

  test('after an incident closed without the symptom, an automatic report of its key opens a new incident', async () => {
    const report = () => accept(world, { key: 'gone', requester: 'alert:test', quietMs: 3_600_000 })
    const first = await report()
    await closeIncident(world.engine, { incident: first.incident, outcome: 'cleared', reason: 'gone' })
    expect(await report()).toMatchObject({ created: true })
  })

  test('an accepted incident is listed to be started until it is marked as started or closed', async () => {
    const [one, two] = [(await accept(world)).incident, (await accept(world)).incident]
    expect(await incidentsToStart(world.engine, 60_000, 1_000)).toEqual([])
    expect(await incidentsToStart(world.engine, 0, 1_000)).toEqual(expect.arrayContaining([one, two]))
    await markStarted(world.engine, one, 'run-1')
    await closeIncident(world.engine, { incident: two, outcome: 'cancelled', reason: 'enough' })
    const remaining = await incidentsToStart(world.engine, 0, 1_000)
    expect(remaining).not.toContain(one)
    expect(remaining).not.toContain(two)
  })
})

describe('the database rights', () => {
  const REFUSED = /permission denied|append-only|only rises|cannot insert|must be owner/

  test.each([
    "UPDATE runbook.events SET body = '{}'",
    'DELETE FROM runbook.events',
    'TRUNCATE runbook.events',
    `INSERT INTO runbook.events (incident, seq, at, body, prev, hash) VALUES ('INC-1', 99, '', '{}', '', '')`,
    "UPDATE runbook.evidence SET body = '{}'",
    'DELETE FROM runbook.evidence',
    'DELETE FROM runbook.incidents',
    "UPDATE runbook.incidents SET head_hash = ''",
    "UPDATE runbook.incidents SET requester = 'person:x'",
    `INSERT INTO runbook.incidents (type, runbook, plan_digest, key, inputs, requester, head_seq) SELECT '', '', digest, '', '{}', '', 5 FROM runbook.plans`,
    "UPDATE runbook.gates SET proposal = '{}'",
    'UPDATE runbook.gates SET auto = true',
    'UPDATE runbook.gates SET within_ms = 1',
    'DELETE FROM runbook.gates',
    "UPDATE runbook.decisions SET token = 'x'",
    'DELETE FROM runbook.decisions',
    'DELETE FROM runbook.permits',
    'UPDATE runbook.permits SET issued_at = now()',
    'DELETE FROM runbook.effects',
    'DELETE FROM runbook.leases',
    'UPDATE runbook.lease_waiters SET since = now()',
    'DELETE FROM runbook.plans',
    'DELETE FROM runbook.notes',
    'DELETE FROM runbook.follow_ups',
    'UPDATE runbook.follow_ups SET body = body',
    'UPDATE runbook.feedback SET helped = helped',
    'UPDATE runbook.engine SET id = gen_random_uuid()',
    'DELETE FROM runbook.migrations',
    'ALTER TABLE runbook.events DISABLE TRIGGER append_only',
    'CREATE TABLE runbook.mine ()',
    'CREATE TEMP TABLE mine ()',
  ])('do not let the application: %s', async (statement) => {
    await propose(world)
    await expect(world.engine.query(statement)).rejects.toThrow(REFUSED)
    await expect(world.reader.query(statement)).rejects.toThrow(REFUSED)
  })

  test.each([
    `SELECT runbook.append_events('INC-1', ARRAY['x'], ARRAY['{}'])`,
    'UPDATE runbook.incidents SET occurrences = 2',
    `INSERT INTO runbook.controls (name, person, reason) VALUES ('freeze', 'x', 'y')`,
    `INSERT INTO runbook.notes (incident, person, body) VALUES ('INC-1', 'x', 'y')`,
  ])('let a reader only read, not: %s', async (statement) => {
    await expect(world.reader.query(statement)).rejects.toThrow(REFUSED)
    expect((await world.reader.query('SELECT count(*) FROM runbook.events')).rowCount).toBe(1)
  })

  test.each([
    "UPDATE runbook.events SET body = '{}'",
    'DELETE FROM runbook.events',
    'TRUNCATE runbook.events CASCADE',
    "UPDATE runbook.evidence SET body = '{}'",
    'TRUNCATE runbook.evidence',
    "UPDATE runbook.plans SET plan = '{}'",
    "UPDATE runbook.gates SET proposal = '{}'",
    'TRUNCATE runbook.gates CASCADE',
    'UPDATE runbook.leases SET fence = fence - 1',
  ])('stop even the owner: %s', async (statement) => {
    const { incident } = await propose(world)
    await recordEvidence(world.engine, incident, [evidence('r1/check/bad', [])], {})
    await world.engine.query(
      `INSERT INTO runbook.leases (name, holder, fence, until) VALUES ('l', 'g', 5, now()) ON CONFLICT DO NOTHING`,
    )
    await expect(world.owner.query(statement)).rejects.toThrow(REFUSED)
  })
})

describe('recording', () => {
  test('a place is written once: the second writer gets the stored value', async () => {
    const { incident } = await accept(world)
    const stored = await Promise.all(
      ['engine', 'person:a', 'person:b', 'person:c'].map((actor) =>
        recordEvents(world.engine, incident, [event('x', actor)]),
      ),
    )
    const first = stored.flat().find((one) => one.fresh)!
    expect(stored.flat().filter((one) => one.fresh)).toHaveLength(1)
    for (const one of stored.flat()) expect([one.actor, one.at]).toEqual([first.actor, first.at])
    expect(await bodies(incident)).toEqual(['opened person:operator', `x ${first.actor}`])
  })

  test('events without a place are all kept, and one call can contain new and stored places', async () => {
    const { incident } = await accept(world)
    await recordEvents(world.engine, incident, [event('a'), event('b')])
    const { place: _, ...nowhere } = event('')
    const stored = await recordEvents(world.engine, incident, [event('b', 'other'), event('c'), nowhere, nowhere])
    expect(stored.map((one) => [one.actor, one.fresh])).toEqual([
      ['engine', false],
      ['engine', true],
      ['engine', true],
      ['engine', true],
    ])
    expect(await readEvents(world.engine, incident, 3)).toHaveLength(3)
  })

  test('when several calls record different evidence for the same places, all return the evidence that was stored first', async () => {
    const { incident } = await accept(world)
    const evidenceOf = (n: number) => [evidence('r1/check/one', [{ n }]), evidence('r1/check/two', [{ n: n * 10 }])]
    const answers = await Promise.all(
      [1, 2, 3].map((n) => recordEvidence(world.engine, incident, evidenceOf(n), {}, 'diagnosing')),
    )
    const values = answers.map((found) => found.map((one) => one.result?.rows))
    expect(values[1]).toEqual(values[0])
    expect(values[2]).toEqual(values[0])
    const stored = (await reviewIncident(world.engine, incident)).evidence
    expect(stored.map((one) => (one.body.result as { rows: unknown }).rows)).toEqual(values[0])
    expect((await readIncident(world.engine, incident)).state).toBe('diagnosing')
  })

  test('the ref of evidence is the digest of the body that is stored', async () => {
    const { incident } = await accept(world)
    const unusual = [{ text: 'NUL \u0000, half \ud800, ünï “€”\u2028', n: 1e21, deep: [{ z: 1, a: null }] }]
    const [found] = await recordEvidence(world.engine, incident, [evidence('r1/check/bad', unusual)], {
      'r1/check/bad': { b: 1, a: '\u0000' },
    })
    const stored = await world.engine.query<{ body: string; ref: string; parameters: string }>(
      'SELECT body, ref, parameters FROM runbook.evidence WHERE incident = $1',
      [incident],
    )
    expect(stored.rows[0]!.ref).toBe(found!.ref)
    expect(sha256Hex(stored.rows[0]!.body)).toBe(found!.ref)
    expect(stored.rows[0]!.parameters).toBe('{"a":"\\u0000","b":1}')
    expect(JSON.parse(stored.rows[0]!.body)).toEqual({ result: { rows: unusual, truncated: false } })
  })

  test('for a missing incident fails with RUNBOOK_NOT_FOUND', async () => {
    await expect(recordEvents(world.engine, 'INC-999999', [event('x')])).rejects.toMatchObject({
      code: 'RUNBOOK_NOT_FOUND',
    })
    await expect(
      closeIncident(world.engine, { incident: 'INC-999999', outcome: 'failed', reason: '' }),
    ).rejects.toMatchObject({
      code: 'RUNBOOK_NOT_FOUND',
    })
  })
})

describe('closing', () => {
  test('the first closing is kept', async () => {
    const { incident } = await accept(world)
    const closed = await Promise.all([
      closeIncident(world.engine, { incident, outcome: 'resolved', reason: 'mended' }),
      closeIncident(world.engine, { incident, outcome: 'failed', reason: 'gone' }),
      closeIncident(world.engine, { incident, outcome: 'cancelled', reason: 'enough' }),
    ])
    const first = closed.find((one) => one.fresh)!
    for (const one of closed) expect([one.outcome, one.reason]).toEqual([first.outcome, first.reason])
    expect(closed.filter((one) => one.fresh)).toHaveLength(1)
    expect(await readIncident(world.engine, incident)).toMatchObject({ state: 'closed', ...{ outcome: first.outcome } })
    expect((await readEvents(world.engine, incident)).filter((one) => one.kind === 'closed')).toHaveLength(1)
  })

  test('voids an open gate, records it in the history, and ends its leases', async () => {
    const { incident, gate } = await propose(world)
    await world.engine.query(
      `INSERT INTO runbook.leases (name, holder, fence, until) VALUES ($1, $2, 1, now() + interval '1 hour')`,
      [`lease-${gate}`, gate],
    )
    await closeIncident(world.engine, { incident, outcome: 'failed', reason: 'gone' })
    const found = await world.engine.query<{ state: string }>('SELECT state FROM runbook.gates WHERE id = $1', [gate])
    expect(found.rows).toEqual([{ state: 'voided' }])
    expect((await bodies(incident)).slice(-2)).toEqual(['r1/gate/voided engine', 'closed engine'])
    const lease = await world.engine.query('SELECT 1 FROM runbook.leases WHERE name = $1 AND until <= now()', [
      `lease-${gate}`,
    ])
    expect(lease.rowCount).toBe(1)
  })

  test('works with a reason that PostgreSQL cannot store, and truncates a long reason', async () => {
    const { incident } = await accept(world)
    await closeIncident(world.engine, { incident, outcome: 'failed', reason: `\u0000\ud800${'x'.repeat(100_000)}` })
    expect((await readIncident(world.engine, incident)).reason).toBe(
      `\uFFFD\uFFFD${'x'.repeat(2_998)}. Nothing was applied`,
    )
  })
})

describe('a transaction', () => {
  test('whose connection is terminated fails as unreachable without crashing the process, and the next one works', async () => {
    const database = openDatabase(world.applicationUrl, { max: 1 })
    const broken = transaction(database, async (connection) => {
      const found = await connection.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
      const ended = new Promise((resolve) => connection.once('end', resolve))
      await world.superuser.query('SELECT pg_terminate_backend($1)', [found.rows[0]!.pid])
      await ended
      await connection.query('SELECT 1')
    })
    await expect(broken).rejects.toMatchObject({ code: 'RUNBOOK_UNREACHABLE' })
    expect(await transaction(database, async (connection) => (await connection.query('SELECT 1 AS n')).rows)).toEqual([
      { n: 1 },
    ])
    await database.end()
  })

  test('that fails stores nothing', async () => {
    const { incident } = await accept(world)
    const failing = transaction(world.engine, async (connection) => {
      await recordEvents(connection, incident, [event('never')])
      throw new Error('no')
    })
    await expect(failing).rejects.toThrow('no')
    expect(await bodies(incident)).toEqual(['opened person:operator'])
  })
})
