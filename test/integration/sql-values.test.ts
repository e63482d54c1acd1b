import { randomBytes } from 'node:crypto'
import { createServer, connect, type Server } from 'node:net'
import type { AddressInfo } from 'node:net'
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, expect, inject, test } from 'vitest'
import { previewAction } from '../../activities/preview-action.ts'
import { sqlExecuteAction } from '../../activities/actions/sql-execute.ts'
import { guardedWrite } from '../../activities/actions/guarded-update.ts'
import { runCheck } from '../../activities/checks/run-check.ts'
import { Secret } from '../../src/config/secret.ts'
import type { Json, JsonObject } from '../../src/core/json.ts'
import type { GuardedWrite } from '../../src/effects/action-implementation.ts'
import { extendedQuery } from '../../src/effects/extended-query.ts'
import { doctorConnections } from '../../src/engine/setup/doctor-connections.ts'
import { withFittingLists } from '../../src/targets/list-values.ts'
import { withPostgres } from '../../src/targets/open-postgres.ts'
import { openTargets } from '../../src/targets/open-targets.ts'
import type { Targets } from '../../src/targets/targets.ts'

const name = `sql_values_${randomBytes(4).toString('hex')}`
let admin: pg.Client
let owner: pg.Client
let targets: Targets
let pooler: Server
const startupPackets: string[] = []

const connection = (url: string) => {
  const secret = new Secret('${X}', 'test', url, [])
  return { kind: 'postgres' as const, read: secret, write: secret, ledger: 'none' as const, redact: [] }
}

beforeAll(async () => {
  const url = new URL(inject('stack').postgresUrl)
  admin = new pg.Client(url.href)
  await admin.connect()
  await admin.query(`CREATE DATABASE ${name}`)
  await admin.query(`CREATE ROLE ${name} LOGIN PASSWORD 'pw-of-${name}'`)
  const to = { host: url.hostname, port: Number(url.port) }
  // This server acts as a pooler: it passes everything on, and records the parameters of each login.
  pooler = createServer((socket) => {
    const server = connect(to)
    socket.once('data', (packet) => startupPackets.push(packet.toString('latin1')))
    for (const one of [socket, server]) one.on('error', () => {})
    socket.pipe(server).pipe(socket)
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => pooler.once('listening', resolve))
  url.pathname = `/${name}`
  owner = new pg.Client(url.href)
  await owner.connect()
  const limited = new URL(url)
  limited.username = name
  limited.password = `pw-of-${name}`
  const pooled = new URL(url)
  pooled.host = `127.0.0.1:${(pooler.address() as AddressInfo).port}`
  targets = openTargets({
    connections: { db: connection(url.href), limited: connection(limited.href), pooled: connection(pooled.href) },
  })
})

beforeEach(async () => {
  startupPackets.length = 0
  await owner.query(`
    DROP TABLE IF EXISTS carts, hidden, shown; DROP VIEW IF EXISTS open_carts;
    CREATE TABLE carts (id bigint PRIMARY KEY, note text, errors jsonb, tags text[], parts jsonb[]);
    INSERT INTO carts VALUES (750727362669608961, 'a', '["declined"]', '{a}', '{}'), (750727362669609000, 'b', '[]', '{}', '{}');
    CREATE TABLE hidden (id int); INSERT INTO hidden VALUES (1), (2); ALTER TABLE hidden ENABLE ROW LEVEL SECURITY;
    CREATE TABLE shown (id int); INSERT INTO shown VALUES (1), (2); ALTER TABLE shown ENABLE ROW LEVEL SECURITY;
    CREATE POLICY all_rows ON shown FOR SELECT TO ${name} USING (true);
    GRANT SELECT ON hidden, shown, carts TO ${name}`)
})

afterAll(async () => {
  await targets.close()
  await owner.end()
  pooler.close()
  await admin.query(`DROP DATABASE ${name} WITH (FORCE)`)
  await admin.query(`DROP ROLE ${name}`)
  await admin.end()
})

function query(parameters: JsonObject) {
  const given = { connection: 'db', columns: {}, ...parameters }
  return runCheck(
    { name: 'q', kind: 'sql.query', parameters: given, timeoutMs: 5_000, retries: 0, place: 'r1/check/q' },
    targets,
  )
}

async function write(action: GuardedWrite): Promise<number | null> {
  return withPostgres(await targets.postgres('db', 'write'), async (client) => {
    const { rowCount } = await client.query(extendedQuery(await withFittingLists(client, action.update)))
    return rowCount
  })
}

const OURS = '750727362669608961'
const update = (set: JsonObject, where: JsonObject = { id: OURS }) =>
  guardedWrite({ connection: 'db', table: 'carts', where, set, rows: 1 })
const row = async () =>
  (await owner.query('SELECT note, errors::text, tags::text, parts::text FROM carts WHERE id = $1', [OURS])).rows[0]

test.each<[string, JsonObject, JsonObject]>([
  ['an empty list in a jsonb column', { errors: [] }, { errors: '[]' }],
  ['a list in a jsonb column', { errors: ['a', 1, { b: [] }] }, { errors: '["a", 1, {"b": []}]' }],
  ['an empty list in an array column', { tags: [] }, { tags: '{}' }],
  ['a list in an array column', { tags: ['a"b', null, '\\', 'NULL'] }, { tags: '{"a\\"b",NULL,"\\\\","NULL"}' }],
  ['lists in an array of jsonb', { parts: [['a'], { b: 1 }] }, { parts: '{"[\\"a\\"]","{\\"b\\": 1}"}' }],
])('%s is written as it is', async (_, set, expected) => {
  expect(await write(update(set))).toBe(1)
  expect(await row()).toMatchObject(expected)
})

test('an empty list guards a jsonb column', async () => {
  expect(await write(update({ note: 'new' }, { id: '750727362669609000', errors: [] }))).toBe(1)
  expect(await write(update({ note: 'new' }, { id: OURS, errors: [] }))).toBe(0)
})

test('a list for a text column is refused, and nothing is written', async () => {
  await expect(write(update({ note: [] }))).rejects.toMatchObject({
    code: '42804',
    message: expect.stringContaining('value $1 is a list, but the server expects text'),
  })
  expect(await row()).toMatchObject({ note: 'a' })
})

test('a statement of the runbook gets its lists in the same way', async () => {
  const { implementation } = sqlExecuteAction
  if (implementation.protocol !== 'sql') throw new Error('not sql')
  const params: Json[] = [[], [OURS]]
  const sql = 'UPDATE carts SET errors = $1 WHERE id = ANY($2)'
  const action = implementation.write({ connection: 'db', sql, params, rows: 1, tables: { carts: ['update'] } })
  expect(await write(action)).toBe(1)
  expect(await row()).toMatchObject({ errors: '[]' })
  const found = await query({
    sql: 'SELECT count(*) AS n FROM carts WHERE errors = $1 AND id = ANY($2)',
    params,
    columns: { n: 'int' },
  })
  expect(found.result).toMatchObject({ rows: [{ n: 1 }] })
})

test('ids beyond 2^53 keep their digits in evidence and at the gate, and can be restored', async () => {
  const found = await query({
    sql: `SELECT id, jsonb_build_object('user', id) AS payload FROM carts ORDER BY id LIMIT 1`,
    columns: { id: 'dyn', payload: 'dyn' },
  })
  expect(found.result).toMatchObject({ rows: [{ id: OURS, payload: { user: OURS } }] })
  const preview = await previewAction(
    'sql.update',
    { connection: 'db', table: 'carts', where: { id: OURS }, set: { id: '1', errors: [] }, rows: 1 },
    { targets, signal: new AbortController().signal },
  )
  expect(preview).toMatchObject({
    rows: [{ before: { id: OURS, errors: ['declined'] }, after: { id: 1, errors: [] } }],
    exact: ['id', 'errors'],
  })
})

test.each(['null', '"42"', '[9007199254740993]', '[1.50]'])(
  'the jsonb value %s is not offered for an undo, because what would be written back is another value',
  async (value) => {
    await owner.query('UPDATE carts SET errors = $1 WHERE id = $2', [value, OURS])
    const preview = await previewAction(
      'sql.update',
      { connection: 'db', table: 'carts', where: { id: OURS }, set: { errors: {} }, rows: 1 },
      { targets, signal: new AbortController().signal },
    )
    expect(preview).toMatchObject({ exact: [], undo: expect.stringContaining('none') })
  },
)

const columns = { id: 'int' }
const limited = (sql: string) => query({ connection: 'limited', sql, columns })

test('a table whose rows a policy hides fails the check instead of being empty', async () => {
  for (const sql of ['SELECT id FROM hidden', 'SELECT h.id FROM shown JOIN hidden h USING (id)'])
    expect(await limited(sql)).toMatchObject({ status: 'failed', error: expect.stringContaining('hidden') })
  const preview = await previewAction(
    'sql.update',
    { connection: 'limited', table: 'hidden', where: { id: 1 }, set: { id: 2 }, rows: 1 },
    { targets, signal: new AbortController().signal },
  )
  expect(preview.warning).toContain('row-level security of table hidden')
})

test('a table whose policy shows the role every row is read', async () => {
  expect(await limited('SELECT id FROM shown')).toMatchObject({
    status: 'ok',
    result: { rows: [{ id: 1 }, { id: 2 }] },
  })
  await owner.query(`CREATE POLICY some_rows ON shown AS RESTRICTIVE FOR SELECT USING (id > 1)`)
  expect(await limited('SELECT id FROM shown')).toMatchObject({ status: 'failed' })
})

test('no setting is sent with the login, and the limits hold inside the transaction', async () => {
  const sql = `SELECT current_setting('transaction_read_only') AS ro, current_setting('lock_timeout') AS locks`
  const found = await query({ connection: 'pooled', sql, columns: { ro: 'string', locks: 'string' } })
  expect(found.result).toMatchObject({ rows: [{ ro: 'on', locks: '2s' }] })
  expect(startupPackets.join()).toContain(name)
  expect(startupPackets.join()).not.toMatch(/options|timeout|datestyle/i)
  const session = await (await targets.postgres('pooled', 'read')).pool.query(`SHOW lock_timeout`)
  expect(session.rows).toEqual([{ lock_timeout: '0' }])
})

test('doctor names the tables whose rows the read login may not see', async () => {
  const url = new URL(inject('stack').postgresUrl)
  url.pathname = `/${name}`
  url.username = name
  url.password = `pw-of-${name}`
  const [finding] = await doctorConnections({ connections: { limited: connection(url.href) } })
  expect(finding).toMatchObject({ ok: true, warning: true, detail: expect.stringContaining('public.hidden') })
  expect(finding!.detail).not.toContain('shown')
})
