import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from 'vitest'
import { previewAction } from '../../activities/preview-action.ts'
import type { JsonObject } from '../../src/core/json.ts'
import { executeEffect } from '../../src/effects/execute.ts'
import type { Targets } from '../../src/targets/targets.ts'
import { openTestTargets, postgresConnection } from '../support/connections.ts'
import {
  createEffectsWorld,
  depsFor,
  openTestGate,
  permits,
  requestFor,
  type EffectsWorld,
} from '../support/effects-world.ts'

let world: EffectsWorld
let targets: Targets
let writer: string

beforeAll(async () => {
  world = await createEffectsWorld(inject('stack').postgresUrl)
  writer = new URL(world.writeUrl).username
  targets = openTestTargets({ c: postgresConnection(world.ownerUrl, world.writeUrl) })
})
afterAll(async () => {
  await targets?.close()
  await world?.close()
})
afterEach(() => world.owner.query('DROP TABLE IF EXISTS notes, notes_archive CASCADE'))

/** Two tables with one row each, of which `notes` has row-level security with these policies. */
async function createTables(policies: string[]): Promise<void> {
  for (const table of ['notes', 'notes_archive']) {
    await world.owner.query(`CREATE TABLE ${table} (id text PRIMARY KEY, tenant text)`)
    await world.owner.query(`INSERT INTO ${table} VALUES ('a', 'acme')`)
    await world.owner.query(`GRANT SELECT, INSERT, UPDATE, DELETE ON ${table} TO ${writer}`)
  }
  await world.owner.query('ALTER TABLE notes ENABLE ROW LEVEL SECURITY')
  for (const [i, policy] of policies.entries())
    await world.owner.query(`CREATE POLICY p${i} ON notes ${policy.replace('writer', writer)}`)
}

async function gateAndEffect(kind: string, parameters: JsonObject) {
  const given = { connection: 'c', rows: 1, ...parameters }
  const { warning } = await previewAction(kind, given, { targets, signal: new AbortController().signal })
  const request = requestFor(await openTestGate(world), kind, given)
  const answer = await executeEffect(request, depsFor(world, targets, permits().takePermit))
  if (!('effect' in answer)) throw new Error(JSON.stringify(answer))
  const { result, detail } = answer.effect
  return { warning, result, detail }
}

const statement = (sql: string, rights: string[], table = 'notes') => ({
  sql,
  params: [],
  tables: { [table]: rights },
  preview: `SELECT id FROM ${table}`,
})
const remove = statement("DELETE FROM notes WHERE id = 'a'", ['select', 'delete'])
const insert = statement("INSERT INTO notes VALUES ('b', 'acme')", ['insert'])
const update = { table: 'notes', set: { tenant: 'other' }, where: { id: 'a', tenant: 'acme' } }
const hides = /^the action would be refused now: row-level security hides rows of public.notes from the write login/
const mayHide = /^the action may be refused: row-level security may hide rows of public.notes from the write login/

describe('policies that allow the write', () => {
  test.each<[string, string[], string, JsonObject]>([
    [
      'a DELETE needs none for UPDATE',
      ['FOR SELECT TO writer USING (true)', 'FOR DELETE TO writer USING (true)'],
      'sql.execute',
      remove,
    ],
    ['an INSERT needs only its own', ['FOR INSERT TO writer WITH CHECK (true)'], 'sql.execute', insert],
    [
      'an UPDATE needs two',
      ['FOR SELECT TO writer USING (true)', 'FOR UPDATE TO writer USING (true)'],
      'sql.update',
      update,
    ],
    ['one for everybody', ['USING (true)'], 'sql.update', update],
  ])('are not warned about: %s', async (_, policies, kind, parameters) => {
    await createTables(policies)
    expect(await gateAndEffect(kind, parameters)).toMatchObject({ warning: undefined, result: 'applied' })
  })
})

describe('a missing policy is named on the gate and in the refusal', () => {
  test.each<[string, string[], string, JsonObject, RegExp]>([
    [
      'for DELETE',
      ['FOR SELECT TO writer USING (true)', 'FOR UPDATE TO writer USING (true)'],
      'sql.execute',
      remove,
      /0 of 1 rows match, and row-level security hides rows/,
    ],
    ['for INSERT', ['FOR SELECT TO writer USING (true)'], 'sql.execute', insert, /violates row-level security policy/],
    ['for UPDATE', ['FOR SELECT TO writer USING (true)'], 'sql.update', update, /0 of 1 rows match, and row-level/],
  ])('%s', async (_, policies, kind, parameters, detail) => {
    await createTables(policies)
    const found = await gateAndEffect(kind, parameters)
    expect(found).toMatchObject({ warning: expect.stringMatching(hides), result: 'refused' })
    expect(found.detail).toMatch(detail)
  })
})

describe('where a policy decides by the row, the gate only says that the write may be refused', () => {
  test('and a row that it allows is changed', async () => {
    await createTables(["FOR ALL TO writer USING (tenant <> 'none')"])
    expect(await gateAndEffect('sql.update', update)).toMatchObject({
      warning: expect.stringMatching(mayHide),
      result: 'applied',
    })
  })

  test('and a row that it does not allow is refused', async () => {
    await createTables(["FOR ALL TO writer USING (true) WITH CHECK (tenant = 'acme')"])
    expect(await gateAndEffect('sql.update', update)).toMatchObject({
      warning: expect.stringMatching(mayHide),
      result: 'refused',
      detail: expect.stringContaining('violates row-level security policy'),
    })
  })
})

test('a table whose name contains that of a secured table is not concerned', async () => {
  await createTables([])
  const archived = { ...update, table: 'notes_archive' }
  expect(await gateAndEffect('sql.update', archived)).toMatchObject({ warning: undefined, result: 'applied' })
})

test('a view that reads the table with the rights of its user is concerned', async () => {
  await createTables([])
  await world.owner.query('CREATE VIEW shown WITH (security_invoker) AS SELECT * FROM notes')
  await world.owner.query(`GRANT SELECT, UPDATE ON shown TO ${writer}`)
  const found = await gateAndEffect('sql.update', { ...update, table: 'shown' })
  expect(found.warning).toMatch(
    /^the action may be refused: row-level security may hide rows of notes from the write login/,
  )
  expect(found).toMatchObject({ result: 'refused', detail: expect.stringContaining('row-level security may hide') })
})

test('the owner of a table is concerned only where row-level security is forced', async () => {
  await createTables([])
  await world.owner.query(`GRANT CREATE ON SCHEMA public TO ${writer}; ALTER TABLE notes OWNER TO ${writer}`)
  expect(await gateAndEffect('sql.update', update)).toMatchObject({ warning: undefined, result: 'applied' })
  await world.owner.query(`UPDATE notes SET tenant = 'acme'; ALTER TABLE notes FORCE ROW LEVEL SECURITY`)
  const found = await gateAndEffect('sql.update', update)
  expect(found).toMatchObject({ warning: expect.stringMatching(hides), result: 'refused' })
})
