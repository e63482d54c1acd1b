import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest'
import { previewAction } from '../../activities/preview-action.ts'
import type { JsonObject } from '../../src/core/json.ts'
import { executeEffect } from '../../src/effects/execute.ts'
import type { Targets } from '../../src/targets/targets.ts'
import {
  addRun,
  createEffectsWorld,
  depsFor,
  openTestGate,
  permits,
  postgresTarget,
  requestFor,
  type EffectsWorld,
} from '../support/effects-world.ts'

let world: EffectsWorld

beforeAll(async () => {
  world = await createEffectsWorld(inject('stack').postgresUrl)
  const role = new URL(world.writeUrl).username
  await world.owner.query(
    'CREATE TABLE outbox (id serial PRIMARY KEY, run_id text NOT NULL, kind text, taken_at timestamptz)',
  )
  await world.owner.query(`GRANT INSERT ON outbox TO ${role}; GRANT USAGE ON SEQUENCE outbox_id_seq TO ${role}`)
})

afterAll(() => world?.close())

beforeEach(() => world.owner.query('TRUNCATE outbox'))

const SQL = `INSERT INTO outbox (run_id, kind) -- one for each
SELECT r.id, $3 FROM runs r WHERE r.id = $1 AND r.status = $2`

/** Parameters that insert the run into the outbox, if its status is unchanged. */
function enqueue(id: string, more: JsonObject = {}): JsonObject {
  return {
    connection: 'db',
    sql: SQL,
    params: [id, 'RUNNING', "it's"],
    rows: 1,
    preview: `SELECT r.id, r.status, 'QUEUED' AS new_status FROM runs r WHERE r.status = $2 AND r.id = $1;`,
    undo: 'DELETE FROM outbox WHERE run_id = $1 AND kind = $3 AND taken_at IS NULL',
    tables: { outbox: ['insert'], runs: ['select'] },
    ...more,
  }
}

async function outbox(): Promise<unknown[]> {
  return (await world.owner.query('SELECT run_id, kind FROM outbox ORDER BY id')).rows
}

function apply(
  gate: string,
  id: string,
  more: JsonObject = {},
  ledger: 'target' | 'none' = 'target',
  timeoutMs = 5_000,
) {
  const deps = depsFor(world, postgresTarget(world.write, ledger), permits().takePermit)
  return executeEffect({ ...requestFor(gate, 'sql.execute', enqueue(id, more), id), timeoutMs }, deps)
}

describe('a statement of the runbook', () => {
  test('is applied exactly once, however often it is requested, and reports the changed rows', async () => {
    const gate = await openTestGate(world)
    await addRun(world, 'once')
    const answer = await apply(gate, 'once')
    expect(answer).toMatchObject({
      effect: { result: 'applied', detail: '1 row of outbox changed', observed: { rows: 1 } },
    })
    expect(await apply(gate, 'once')).toEqual(answer)
    await world.engineOwner.query('ALTER TABLE runbook.effects DISABLE TRIGGER ALL')
    await world.engineOwner.query('DELETE FROM runbook.effects WHERE gate = $1', [gate])
    await world.engineOwner.query('ALTER TABLE runbook.effects ENABLE TRIGGER ALL')
    expect(await apply(gate, 'once')).toMatchObject({ effect: { result: 'applied' } })
    expect(await outbox()).toEqual([{ run_id: 'once', kind: "it's" }])
  })

  test('that changes a different number of rows than declared is rolled back and refused', async () => {
    const gate = await openTestGate(world)
    await addRun(world, 'moved', 'FAILED')
    expect(await apply(gate, 'moved')).toMatchObject({
      effect: { result: 'refused', detail: expect.stringContaining('0 of 1 rows match') },
    })
    await addRun(world, 'two')
    const both = {
      sql: 'INSERT INTO outbox (run_id, kind) SELECT $1, k FROM unnest(ARRAY[$2, $3]) k',
    }
    expect(await apply(await openTestGate(world), 'two', both)).toMatchObject({
      effect: { result: 'refused', detail: expect.stringContaining('2 of 1 rows match') },
    })
    expect(await outbox()).toEqual([])
  })

  test('that ended after its deadline is rolled back, and the next attempt applies it', async () => {
    const gate = await openTestGate(world)
    await addRun(world, 'late')
    const slow = {
      sql: `${SQL} AND pg_sleep(CASE WHEN clock_timestamp() < $4::timestamptz THEN 0.9 ELSE 0 END) IS NOT NULL`,
    }
    const until = new Date(Date.now() + 700).toISOString()
    let waits = 400
    const { takePermit } = permits({
      before: async () => {
        await new Promise((resolve) => setTimeout(resolve, waits))
        waits = 0
      },
    })
    const deps = depsFor(world, postgresTarget(world.write), takePermit)
    const parameters = enqueue('late', { ...slow, params: ['late', 'RUNNING', 'x', until] })
    const request = { ...requestFor(gate, 'sql.execute', parameters, 'late'), timeoutMs: 1_000 }
    await expect(executeEffect(request, deps)).rejects.toThrow(/deadline passed/)
    expect(await outbox()).toEqual([])
    expect(await executeEffect(request, deps)).toMatchObject({ effect: { result: 'applied' } })
    expect(await outbox()).toHaveLength(1)
  })

  test('without a ledger is rolled back and refused if it ended after its deadline', async () => {
    const gate = await openTestGate(world)
    await addRun(world, 'late-bare')
    const { takePermit } = permits({ before: () => new Promise((resolve) => setTimeout(resolve, 1_100)) })
    const deps = depsFor(world, postgresTarget(world.write, 'none'), takePermit)
    const request = { ...requestFor(gate, 'sql.execute', enqueue('late-bare'), 'late-bare'), timeoutMs: 1_000 }
    expect(await executeEffect(request, deps)).toMatchObject({
      effect: { result: 'refused', detail: expect.stringContaining('deadline passed') },
    })
    expect(await outbox()).toEqual([])
  })

  test('is one statement: the server refuses a second one after a semicolon, also without values', async () => {
    await addRun(world, 'more')
    const more = {
      sql: `INSERT INTO outbox (run_id) VALUES ('a'); INSERT INTO outbox (run_id) VALUES ('b')`,
      params: [],
    }
    for (const ledger of ['target', 'none'] as const)
      expect(await apply(await openTestGate(world), 'more', more, ledger)).toMatchObject({
        effect: { result: 'refused', detail: expect.stringContaining('multiple commands') },
      })
    expect(await outbox()).toEqual([])
  })

  test('is refused if the role lacks the rights', async () => {
    const other = { sql: 'DELETE FROM runs WHERE id = $1 AND status = $2 AND $3::text IS NOT NULL' }
    await addRun(world, 'kept')
    expect(await apply(await openTestGate(world), 'kept', other)).toMatchObject({
      effect: { result: 'refused', detail: expect.stringContaining('permission denied') },
    })
  })

  test('without a ledger is applied once; an attempt whose end was not seen is unknown and must be settled', async () => {
    const [gate, doubtful] = [await openTestGate(world), await openTestGate(world)]
    await addRun(world, 'bare')
    expect(await apply(gate, 'bare', {}, 'none')).toMatchObject({ effect: { result: 'applied' } })
    expect(await apply(gate, 'bare', {}, 'none')).toMatchObject({ effect: { result: 'applied' } })
    await world.engine.query('INSERT INTO runbook.intents (gate, action, target) VALUES ($1, $2, $3)', [
      doubtful,
      '0-sql.execute',
      'bare',
    ])
    expect(await apply(doubtful, 'bare', {}, 'none')).toMatchObject({
      effect: { result: 'unknown', detail: expect.stringContaining('settle') },
    })
    expect(await outbox()).toHaveLength(1)
  })
})

describe('its preview', () => {
  const preview = (parameters: JsonObject, redact: string[] = []) => {
    const { postgres } = postgresTarget(world.owner)
    const targets = {
      postgres: async () => ({ ...(await postgres('db', 'read')), redact }),
    } as Partial<Targets> as Targets
    return previewAction('sql.execute', parameters, { targets, signal: new AbortController().signal })
  }

  test('shows the statement and its undo with their values, and the rows before and after', async () => {
    await addRun(world, 'seen')
    expect(await preview(enqueue('seen'))).toEqual({
      summary: `INSERT INTO outbox (run_id, kind) SELECT r.id, 'it''s' FROM runs r WHERE r.id = 'seen' AND r.status = 'RUNNING'`,
      rows: [{ before: { id: 'seen', status: 'RUNNING' }, after: { status: 'QUEUED' } }],
      count: 1,
      schemas: { outbox: 'public', runs: 'public' },
      undo: `DELETE FROM outbox WHERE run_id = 'seen' AND kind = 'it''s' AND taken_at IS NULL`,
    })
    expect(await outbox()).toEqual([])
  })

  test('warns about a different number of rows and a missing undo, and hides redacted columns', async () => {
    const { undo: _, ...without } = enqueue('nobody')
    expect(await preview(without)).toMatchObject({
      count: 0,
      undo: 'none: the runbook has no undo statement',
      warning: expect.stringContaining('0 rows match now, but the write must change exactly 1'),
    })
    await addRun(world, 'secret')
    expect(await preview(enqueue('secret'), ['status'])).toMatchObject({
      rows: [{ before: { id: 'secret', status: '[redacted]' }, after: { status: '[redacted]' } }],
    })
  })

  test('warns that rows which are changed inside WITH are not counted, and the effect says so', async () => {
    await addRun(world, 'with')
    const sql = SQL.replace('INSERT', 'WITH more AS (INSERT INTO outbox (run_id, kind) SELECT $1, $3) INSERT')
    expect(await preview(enqueue('with', { sql }))).toMatchObject({
      warning:
        'only the rows of the main statement are counted: the INSERT inside WITH may change more rows than shown',
    })
    expect(await apply(await openTestGate(world), 'with', { sql })).toMatchObject({
      effect: { result: 'applied', detail: expect.stringContaining('rows of INSERT inside WITH are not counted') },
    })
    expect(await outbox()).toHaveLength(2)
  })

  test('shows the error of the server about the statement', async () => {
    await addRun(world, 'wrong')
    expect(await preview(enqueue('wrong', { sql: SQL.replace('kind)', 'knd)') }))).toMatchObject({
      summary: expect.stringContaining('knd'),
      warning: expect.stringContaining('column "knd" of relation "outbox" does not exist'),
    })
  })

  test('of an undo, which has no preview statement, shows only the statement', async () => {
    await addRun(world, 'back')
    const { preview: _, undo, ...rest } = enqueue('back')
    expect(await preview({ ...rest, sql: undo! })).toEqual({
      summary: `DELETE FROM outbox WHERE run_id = 'back' AND kind = 'it''s' AND taken_at IS NULL`,
      schemas: { outbox: 'public', runs: 'public' },
      undo: 'none: the runbook has no undo statement',
    })
  })

  test('cannot change anything, and shows the error of its preview statement', async () => {
    await addRun(world, 'write')
    const writing = enqueue('write', { preview: `SELECT nextval('outbox_id_seq') AS id` })
    expect(await preview(writing)).toMatchObject({ warning: expect.stringContaining('read-only transaction') })
  })
})
