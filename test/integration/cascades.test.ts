import { afterAll, beforeAll, beforeEach, expect, inject, test } from 'vitest'
import { previewAction } from '../../activities/preview-action.ts'
import type { JsonObject } from '../../src/core/json.ts'
import type { Targets } from '../../src/targets/targets.ts'
import { carryOut, createEffectsWorld, postgresTarget, type EffectsWorld } from '../support/effects-world.ts'

let world: EffectsWorld

beforeAll(async () => {
  world = await createEffectsWorld(inject('stack').postgresUrl)
})

afterAll(() => world?.close())

beforeEach(async () => {
  await world.owner.query(`
    DROP SCHEMA IF EXISTS shop CASCADE; CREATE SCHEMA shop;
    CREATE TABLE shop."Order" (id int PRIMARY KEY, code text UNIQUE, state text, parent int REFERENCES shop."Order" ON DELETE SET NULL);
    CREATE TABLE shop.items (id int PRIMARY KEY, "order" int REFERENCES shop."Order" ON DELETE CASCADE);
    CREATE TABLE shop.shipments (id int PRIMARY KEY, item int REFERENCES shop.items ON DELETE CASCADE);
    CREATE TABLE shop.notes (id int PRIMARY KEY, item int REFERENCES shop.items ON DELETE SET NULL);
    CREATE TABLE shop.labels (id int PRIMARY KEY, code text REFERENCES shop."Order" (code) ON UPDATE CASCADE);
    CREATE TABLE shop.prints (id int PRIMARY KEY, label int REFERENCES shop.labels ON UPDATE CASCADE);
    CREATE TABLE shop.invoices (id int PRIMARY KEY, "order" int REFERENCES shop."Order");
    INSERT INTO shop."Order" VALUES (1, 'A', 'open'), (2, 'B', 'open');
    INSERT INTO shop.items VALUES (10, 1), (11, 1); INSERT INTO shop.shipments VALUES (100, 10);
    INSERT INTO shop.notes VALUES (1, 10); INSERT INTO shop.labels VALUES (1, 'A')`)
})

const one = { connection: 'db', rows: 1 }

const remove = (table: string, id: number) => ({
  ...one,
  sql: `DELETE FROM ${table} WHERE id = $1`,
  preview: `SELECT id FROM ${table} WHERE id = $1`,
  params: [id],
  tables: { [table.replaceAll('"', '')]: ['select', 'delete'] },
})

const count = async (table: string) => Number((await world.owner.query(`SELECT count(*) FROM ${table}`)).rows[0].count)

test('the gate and the effect of a delete name the tables whose rows foreign keys delete or change', async () => {
  await world.owner.query('DELETE FROM shop.labels')
  const { shown, effect } = await carryOut(world, 'sql.execute', remove('shop."Order"', 1))
  const cascades = 'deletes rows of shop.items, shop.shipments and changes rows of shop."Order", shop.notes'
  expect(shown.cascades).toBe(cascades)
  expect(shown.warning).toBe(
    `also ${cascades}, because of foreign keys: these rows are not shown, and the undo may not restore them`,
  )
  expect(effect).toMatchObject({
    result: 'applied',
    detail: `1 row of shop.Order changed (the database also ${cascades}, which are not counted)`,
  })
  expect([await count('shop.items'), await count('shop.shipments'), await count('shop.notes')]).toEqual([0, 0, 1])
})

test('a refusal says nothing about rows that other tables would have lost', async () => {
  const { effect } = await carryOut(world, 'sql.execute', remove('shop."Order"', 1))
  expect(effect).toMatchObject({
    result: 'refused',
    detail: expect.stringMatching(/^shop\.Order: update or delete on table/),
  })
  expect(await count('shop.items')).toBe(2)
})

test('a delete from which no foreign key follows has no such warning', async () => {
  const { shown, effect } = await carryOut(world, 'sql.execute', remove('shop.shipments', 100))
  expect(shown).not.toHaveProperty('cascades')
  expect(shown).not.toHaveProperty('warning')
  expect(effect).toMatchObject({ result: 'applied', detail: '1 row of shop.shipments changed' })
})

test.each<[string, string, JsonObject]>([
  ['sql.update', 'the key', { table: 'shop.Order', where: { id: 1 }, set: { code: 'C' } }],
  [
    'sql.execute',
    'the key',
    {
      sql: `UPDATE shop."Order" SET "code" = 'C' WHERE id = $1 RETURNING id`,
      preview: 'SELECT code FROM shop."Order" WHERE id = $1',
      params: [1],
      tables: { 'shop.Order': ['select', 'update'] },
    },
  ],
])('%s of %s to which another table refers names that table', async (kind, _, parameters) => {
  const { shown, effect } = await carryOut(world, kind, { ...one, ...parameters })
  expect(shown.cascades).toBe('changes rows of shop.labels')
  expect(effect.result).toBe('applied')
  expect(effect.detail).toContain('the database also changes rows of shop.labels')
  expect((await world.owner.query('SELECT code FROM shop.labels')).rows).toEqual([{ code: 'C' }])
})

test('an update of other columns has no such warning, whatever its WHERE compares', async () => {
  const update = { table: 'shop.Order', where: { id: 1, code: 'A' }, set: { state: 'closed' } }
  expect((await carryOut(world, 'sql.update', { ...one, ...update })).shown).not.toHaveProperty('warning')
  const { shown } = await carryOut(world, 'sql.execute', {
    ...one,
    sql: `UPDATE shop."Order" SET state = 'open' WHERE id = $1 AND code = 'A'`,
    preview: 'SELECT state FROM shop."Order" WHERE id = $1',
    params: [1],
    tables: { 'shop.Order': ['select', 'update', 'delete'] },
    undo: 'DELETE FROM shop."Order" WHERE id = $1',
  })
  expect(shown).not.toHaveProperty('warning')
})

test('the gate says that a foreign table is on another server, and that rules may change other rows', async () => {
  await world.owner.query(`
    CREATE EXTENSION IF NOT EXISTS file_fdw SCHEMA public;
    CREATE SERVER IF NOT EXISTS files FOREIGN DATA WRAPPER file_fdw;
    CREATE TABLE shop.log (item int);
    CREATE RULE also AS ON UPDATE TO shop.shipments DO ALSO INSERT INTO shop.log VALUES (new.item);
    CREATE TABLE shop.parts (id int, name text) PARTITION BY LIST (id);
    CREATE TABLE shop.near PARTITION OF shop.parts FOR VALUES IN (1);
    CREATE FOREIGN TABLE shop.far PARTITION OF shop.parts FOR VALUES IN (2) SERVER files OPTIONS (filename '/dev/null');
    INSERT INTO shop.near VALUES (1, 'a')`)
  const warning = async (table: string, set: JsonObject, where: JsonObject) => {
    const targets = postgresTarget(world.owner) as Targets
    const parameters = { connection: 'db', rows: 1, table, set, where, key: ['id'] }
    return (await previewAction('sql.update', parameters, { targets, signal: new AbortController().signal })).warning
  }
  expect(await warning('shop.shipments', { item: 11 }, { id: 100 })).toBe(
    'PostgreSQL rules of shop.shipments may change other rows: these rows are not shown, and the undo may not restore them',
  )
  expect(await warning('shop.parts', { name: 'b' }, { id: 1 })).toContain(
    'the rows of shop.far are on another server, which commits on its own',
  )
  expect(await warning('shop.notes', { item: 11 }, { id: 1 })).toBeUndefined()

  const targets = postgresTarget(world.owner) as Targets
  const inserts = {
    ...{ connection: 'db', rows: 1, sql: 'INSERT INTO shop.parts VALUES ($1, $2)', params: [1, 'c'] },
    tables: { 'shop.parts': ['insert'] },
  }
  const shown = await previewAction('sql.execute', inserts, { targets, signal: new AbortController().signal })
  expect(shown.warning).toContain('the rows of shop.far are on another server')
})
