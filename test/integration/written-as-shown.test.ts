import { afterAll, beforeAll, beforeEach, expect, inject, test } from 'vitest'
import { previewAction } from '../../activities/preview-action.ts'
import type { Json, JsonObject } from '../../src/core/json.ts'
import type { ActionPreview } from '../../src/core/proposal.ts'
import type { Plan } from '../../src/core/plan.ts'
import { executeEffect } from '../../src/effects/execute.ts'
import { undoPlan } from '../../src/engine/undo-plan.ts'
import type { Targets } from '../../src/targets/targets.ts'
import {
  carryOut as carryOutAction,
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

beforeEach(async () => {
  await world.owner.query(`
    DROP SCHEMA IF EXISTS shop CASCADE; CREATE SCHEMA shop;
    CREATE TYPE shop.state AS ENUM ('open', 'Paid', 'on hold');
    CREATE DOMAIN shop.percent AS integer CHECK (VALUE BETWEEN 0 AND 100);
    CREATE TYPE shop.address AS (street text, zip text);
    CREATE DOMAIN shop.percents AS integer[] CHECK (100 >= ALL (VALUE));
    CREATE DOMAIN shop.code AS varchar(2) CHECK (VALUE = upper(VALUE));
    CREATE EXTENSION IF NOT EXISTS citext`)
})

type Update = { table: string; where: JsonObject; set: JsonObject; rows?: number }

const targets = () => postgresTarget(world.owner) as Targets

function preview(update: Update): Promise<ActionPreview> {
  const parameters = { connection: 'db', rows: 1, ...update }
  return previewAction('sql.update', parameters, { targets: targets(), signal: new AbortController().signal })
}

/** Previews the update as a gate does, approves it and applies it. */
const carryOut = (update: Update) => carryOutAction(world, 'sql.update', { connection: 'db', rows: 1, ...update })

/** Applies the undo as `runbook undo` would propose it. */
async function undo({ action, effect }: Awaited<ReturnType<typeof carryOut>>) {
  const original = { title: 'test', escalate: { to: ['oncall'] } } as Pick<Plan, 'title' | 'escalate'>
  const { plan, notUndone } = undoPlan('INC-1', original, [
    { action, remedy: undefined, lease: 'item', ...(effect.observed ? { observed: effect.observed } : {}) },
  ])
  if (!plan) throw new Error(notUndone.join('; '))
  const given = plan.remedies['undo']!.actions[0]!.with
  const values = Object.entries(given).map(([name, value]) => [name, 'lit' in value ? value.lit : undefined])
  return carryOut(Object.fromEntries(values) as Update)
}

async function stored(table = 'shop.item', column = 'v'): Promise<unknown> {
  return (await world.owner.query(`SELECT to_jsonb("${column}") #>> '{}' AS v FROM ${table}`)).rows[0]?.v
}

async function makeItem(type: string, value = 'NULL'): Promise<void> {
  await world.owner.query(
    `CREATE TABLE shop.item (id int PRIMARY KEY, v ${type}); INSERT INTO shop.item VALUES (1, ${value})`,
  )
}

const set = (v: Json): Update => ({ table: 'shop.item', where: { id: 1 }, set: { v } })

// Each line has the column's type, the value before as SQL, the new value, and the new value as the gate shows it.
test.each<[string, string, Json, Json]>([
  ['shop.state', `'open'`, 'on hold', 'on hold'],
  ['shop.state[]', `'{open,NULL}'`, ['Paid', 'on hold', null], ['Paid', 'on hold', null]],
  ['shop.percent', '7', 100, 100],
  ['int[]', `'{{1,2},{3,4}}'`, [[5, 6]], [[5, 6]]],
  ['text[]', `'{}'`, ['', 'NULL', 'a,b', '{x}', '"'], ['', 'NULL', 'a,b', '{x}', '"']],
  [
    'uuid',
    `'00000000-0000-0000-0000-0000000000AA'`,
    '00000000-0000-0000-0000-0000000000BB',
    '00000000-0000-0000-0000-0000000000bb',
  ],
  ['numeric', '1.50', '-12345678901234567890.123456789', '-12345678901234567890.123456789'],
  ['numeric', '7', 'NaN', 'NaN'],
  ['numeric(10,2)', '7.25', 5, 5],
  ['money', `'7.25'`, '1.005', '$1.01'],
  ['bytea', `'\\x00ff'`, '\\xDEAD', '\\xdead'],
  ['char(5)', `'ab'`, 'c', 'c    '],
  ['varchar(3)', `'abc'`, '', ''],
  ['boolean', 'true', 'no', false],
  ['real', '0.1', 0.25, 0.25],
  ['bigint', '750727362669608961', '750727362669608963', '750727362669608963'],
  ['timestamp', `'2024-05-06 07:08:09.123456'`, '2024-01-02T03:04:05.678901Z', '2024-01-02T03:04:05.678901'],
  ['timestamptz', `'infinity'`, '-infinity', '-infinity'],
  [
    'timestamptz',
    `'0044-03-15 12:00:00+00 BC'`,
    '2024-01-02 03:04:05.678901+00',
    expect.stringContaining('2024-01-02T') as never,
  ],
  ['date', `'0044-03-15 BC'`, '2024-02-29', '2024-02-29'],
  ['interval', `'1 mon 2 days'`, '90 minutes', '01:30:00'],
  ['jsonb', `'null'`, {}, {}],
  ['jsonb', `'{"a":[]}'`, [], []],
  ['jsonb', `'{}'`, '{"id":9007199254740993}', { id: '9007199254740993' }],
  ['json', `'{"a": 1}'`, { b: [null] }, { b: [null] }],
  ['inet', `'10.0.0.1'`, '10.0.0.2/24', '10.0.0.2/24'],
  ['int4range', `'[1,5)'`, '[2,3]', '[2,4)'],
  ['text', `'a'`, 'x\u0001\u{1F600}\n', 'x\u0001\u{1F600}\n'],
  ['jsonb[]', `'{"{\\"a\\":1}","[]"}'`, [{ b: [] }, [1], 'x', null], [{ b: [] }, [1], 'x', null]],
  ['jsonb[]', `'{}'`, [], []],
  ['shop.address', `'(a,b)'`, '("c, d",)', { street: 'c, d', zip: null }],
  ['shop.address[]', `'{"(a,b)"}'`, ['(c,d)'], [{ street: 'c', zip: 'd' }]],
  ['shop.percents', `'{1}'`, [5, 100], [5, 100]],
  ['shop.code', `'AB'`, 'CD', 'CD'],
  ['citext', `'Ab'`, 'aB', 'aB'],
  ['tstzrange', `'empty'`, '[2024-01-01 00:00+00,)', '["2024-01-01 00:00:00+00",)'],
  ['int4multirange', `'{[1,3),[5,6]}'`, '{[1,2],[3,4]}', '{[1,5)}'],
  ['xml', `'<a/>'`, '<b>1</b>', '<b>1</b>'],
  ['bit(4)', `B'1010'`, '0101', '0101'],
  ['point', `'(1,2)'`, '(0.1,-3)', '(0.1,-3)'],
  ['tsvector', `'a b'`, 'b a', "'a' 'b'"],
  ['bytea', `'\\x'`, '\\x00', '\\x00'],
  ['time', `'24:00'`, '01:02:03.5', '01:02:03.5'],
  ['timetz', `'01:00+02'`, '01:02:03+05:30', '01:02:03+05:30'],
  ['int GENERATED BY DEFAULT AS IDENTITY', '4', 7, 7],
  ['double precision', '0.1', '-Infinity', '-Infinity'],
  ['text COLLATE "C"', `'ä'`, 'Ä', 'Ä'],
  ['name', `'a'`, 'b', 'b'],
  ['"char"', `'a'`, 'b', 'b'],
  ['interval', `'-1 year 2 mons -3 days 04:05:06.7'`, 'P1Y2M', '1 year 2 mons'],
])(
  '%s (%s): what the gate shows is what is written, and the undo restores it or is not offered',
  async (type, old, value, shown) => {
    await makeItem(type, old)
    const before = await stored()
    const done = await carryOut(set(value))
    expect(done.shown.rows).toMatchObject([{ after: { v: shown } }])
    expect(done.shown.warning).toBeUndefined()
    expect(done.effect).toMatchObject({ result: 'applied' })
    const { rows } = await world.owner.query('SELECT to_jsonb(v) = $1::jsonb AS same FROM shop.item', [
      type.startsWith('json')
        ? typeof value === 'string'
          ? value
          : JSON.stringify(value)
        : JSON.stringify(done.shown.rows![0]!.after['v']),
    ])
    const isNumberAsText = typeof shown === 'string' && /^-?\d+(\.\d+)?$/.test(shown)
    expect(isNumberAsText ? await stored() : rows[0].same).toEqual(isNumberAsText ? shown : true)
    if (!done.shown.exact?.includes('v')) return expect(done.shown.undo).toContain('none')
    expect((await undo(done)).effect).toMatchObject({ result: 'applied' })
    expect(await stored()).toBe(before)
  },
)

test.each([
  ['json', `'{"a":1}'`, { b: 2 }],
  ['json[]', `'{}'`, [{ b: 2 }]],
  ['xml', `'<a/>'`, '<b/>'],
  ['point', `'(1,2)'`, '(3,4)'],
  ['box', `'(1,2),(3,4)'`, '(5,6),(7,8)'],
])('%s: the gate offers no undo, because the server cannot compare its values', async (type, old, value) => {
  await makeItem(type, old)
  const { shown, effect } = await carryOut(set(value))
  expect(shown).toMatchObject({
    exact: [],
    undo: expect.stringContaining(`cannot be compared, because its type is ${type}`),
  })
  expect(effect.result).toBe('applied')
})

test.each<[string, Json, string]>([
  ['numeric(10,2)', '1.005', 'rounded or cut'],
  ['timestamp(0)', '2024-01-02 03:04:05.6', 'rounded or cut'],
  ['varchar(3)', 'abcd', 'rounded or cut'],
  ['shop.state', 'closed', 'invalid input value for enum'],
  ['shop.percent', 101, 'check constraint'],
  ['shop.address', { street: 'a', zip: 'b' }, 'malformed record literal'],
  ['int', 1.5, 'invalid input syntax'],
  ['int NOT NULL DEFAULT 0', null, 'must not be NULL'],
  ['jsonb', '{"a":"\\u0000"}', 'unsupported Unicode escape sequence'],
  ['int GENERATED ALWAYS AS IDENTITY', 5, 'can only be updated to DEFAULT'],
  ['int GENERATED ALWAYS AS (id + 1) STORED', 5, 'can only be updated to DEFAULT'],
  ['int GENERATED ALWAYS AS (id + 1) VIRTUAL', 5, 'can only be updated to DEFAULT'],
])('%s: the gate says why %j would be refused, and nothing is written', async (type, value, reason) => {
  await makeItem(type, /GENERATED|NOT NULL/.test(type) ? 'DEFAULT' : undefined)
  const before = await stored()
  const { shown, effect } = await carryOut(set(value))
  expect(shown.warning).toContain(`the action would be refused now: `)
  expect(shown.warning).toContain(reason)
  expect(effect.result).toBe('refused')
  expect(await stored()).toBe(before)
})

test('a time without a zone is refused when the login that writes has another time zone than the one that reads', async () => {
  await makeItem('timestamptz', `'2024-01-01 00:00+00'`)
  const shown = await preview(set('2024-03-01 12:00'))
  const request = requestFor(await openTestGate(world), 'sql.update', {
    connection: 'db',
    rows: 1,
    ...set('2024-03-01 12:00'),
  })
  request.action.preview = shown
  const url = new URL(world.ownerUrl)
  url.searchParams.set('options', '-c TimeZone=Asia/Tokyo')
  const abroad = pool(url.href, 1)
  const answer = await executeEffect(request, depsFor(world, postgresTarget(abroad) as Targets, permits().takePermit))
  await abroad.end()
  expect(answer).toMatchObject({
    effect: { result: 'refused', detail: expect.stringContaining('differ from the value that the gate showed') },
  })
})

test('"now" is shown as it is, and its undo fits', async () => {
  await makeItem('timestamptz', `'2024-01-01 00:00+00'`)
  const before = await stored()
  const done = await carryOut(set('now'))
  expect(done.shown.rows).toMatchObject([{ after: { v: 'now' } }])
  expect((await undo(done)).effect).toMatchObject({ result: 'applied' })
  expect(await stored()).toBe(before)
})

const trigger = (body: string) =>
  world.owner.query(`
    CREATE TABLE shop."Run" (id text PRIMARY KEY, status text, "updatedAt" timestamptz(3) DEFAULT '2024-01-01 00:00+00');
    INSERT INTO shop."Run" VALUES ('r1', 'RUNNING');
    CREATE FUNCTION shop.touch() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN ${body} END$$;
    CREATE TRIGGER touch BEFORE UPDATE ON shop."Run" FOR EACH ROW EXECUTE FUNCTION shop.touch()`)

const failRun: Update = {
  table: 'shop.Run',
  where: { id: 'r1', status: 'RUNNING', updatedAt: '2024-01-01 00:00:00+00' },
  set: { status: 'FAILED' },
}

test('the undo fits although a trigger moved "updatedAt", which the guard compares', async () => {
  await trigger(`NEW."updatedAt" := clock_timestamp(); RETURN NEW;`)
  const done = await carryOut(failRun)
  expect(done.shown.summary).toContain(`UPDATE shop."Run" SET status = 'FAILED' WHERE`)
  expect(done.effect).toMatchObject({ result: 'applied', observed: { guardAfter: { updatedAt: expect.any(String) } } })
  expect((await undo(done)).effect).toMatchObject({ result: 'applied' })
  expect(await stored('shop."Run"', 'status')).toBe('RUNNING')
})

test('the undo is refused when somebody changed the row after the write', async () => {
  await trigger(`NEW."updatedAt" := clock_timestamp(); RETURN NEW;`)
  const done = await carryOut(failRun)
  await world.owner.query(`SELECT pg_sleep(0.01); UPDATE shop."Run" SET id = id`)
  expect((await undo(done)).effect).toMatchObject({ result: 'refused' })
})

test.each([
  [
    'changes the value',
    `NEW.status := lower(NEW.status); RETURN NEW;`,
    'the value stored in status would differ from the value that the gate showed',
  ],
  ['drops the change', 'RETURN NULL;', '1 of 1 rows match, but a trigger or a rule kept rows from being changed'],
  [
    'needs a table that is not there',
    'INSERT INTO shop.audit VALUES (1); RETURN NEW;',
    'in PL/pgSQL function shop.touch()',
  ],
])('a trigger that %s makes the write refused, with the reason', async (_, body, reason) => {
  await trigger(body)
  const { effect } = await carryOut(failRun)
  expect(effect).toMatchObject({ result: 'refused', detail: expect.stringContaining(reason) })
  expect(await stored('shop."Run"', 'status')).toBe('RUNNING')
})

test('a row that moves to another partition is changed, and moves back', async () => {
  await world.owner.query(`
    CREATE TABLE shop.item (id int, v text) PARTITION BY LIST (v);
    CREATE TABLE shop.item_open PARTITION OF shop.item FOR VALUES IN ('open');
    CREATE TABLE shop.item_done PARTITION OF shop.item FOR VALUES IN ('done');
    INSERT INTO shop.item VALUES (1, 'open')`)
  const done = await carryOut(set('done'))
  expect(await stored('shop.item_done')).toBe('done')
  expect((await undo(done)).effect.result).toBe('applied')
  expect(await stored('shop.item_open')).toBe('open')
  const nowhere = await carryOut(set('elsewhere'))
  expect(nowhere.effect).toMatchObject({ result: 'refused', detail: expect.stringContaining('no partition') })
})

test('a view is changed where it can be; where it cannot, the gate says so', async () => {
  await makeItem('text', `'a'`)
  await world.owner.query(`
    CREATE VIEW shop.open_items AS SELECT id, v, upper(v) AS loud FROM shop.item WHERE v <> 'z' WITH CHECK OPTION;
    CREATE VIEW shop.counted AS SELECT id, max(v) AS v FROM shop.item GROUP BY id`)
  const on = (table: string, values: JsonObject) => carryOut({ table, where: { id: 1 }, set: values })
  expect((await on('shop.open_items', { v: 'b' })).effect.result).toBe('applied')
  expect((await on('shop.open_items', { v: 'z' })).effect.result).toBe('refused')
  for (const [table, values] of [
    ['shop.counted', { v: 'x' }],
    ['shop.open_items', { loud: 'X' }],
  ] as const) {
    const { shown, effect } = await on(table, values)
    expect(shown.warning).toMatch(/cannot update (view|column)/)
    expect(effect.result).toBe('refused')
  }
  expect(await stored()).toBe('b')
})

test('rows of inherited tables count as rows of the table', async () => {
  await makeItem('text', `'a'`)
  await world.owner.query(`CREATE TABLE shop.child () INHERITS (shop.item); INSERT INTO shop.child VALUES (1, 'a')`)
  const { shown, effect } = await carryOut(set('b'))
  expect(shown.warning).toContain('2 rows match now')
  expect(effect.result).toBe('refused')
  expect((await carryOut({ ...set('b'), rows: 2 })).effect.result).toBe('applied')
})

test('the write login is asked once for the previews of one proposal', async () => {
  await makeItem('text', `'a'`)
  let asked = 0
  const counting: Targets = {
    ...targets(),
    postgres(name, access) {
      if (access === 'write') asked++
      return targets().postgres(name, access)
    },
  }
  const context = { targets: counting, signal: new AbortController().signal, obstacles: new Map() }
  const parameters = { connection: 'db', rows: 1, ...set('b') }
  const shown = await Promise.all(
    ['b', 'c', 'd'].map((v) => previewAction('sql.update', { ...parameters, set: { v } }, context)),
  )
  expect(shown.map(({ warning }) => warning)).toEqual([undefined, undefined, undefined])
  expect(asked).toBe(1)
})
