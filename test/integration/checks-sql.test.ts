import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, inject, test, vi } from 'vitest'
import { runCheck } from '../../activities/checks/run-check.ts'
import { Secret } from '../../src/config/secret.ts'
import type { JsonObject } from '../../src/core/json.ts'
import { openTargets } from '../../src/targets/open-targets.ts'
import type { Targets } from '../../src/targets/targets.ts'

const name = `checks_sql_${randomBytes(4).toString('hex')}`
let admin: pg.Client
let owner: pg.Client
let targets: Targets

const secret = (value: string) => new Secret('${X}', 'test', value, [])

beforeAll(async () => {
  const { postgresUrl } = inject('stack')
  admin = new pg.Client(postgresUrl)
  await admin.connect()
  await admin.query(`CREATE DATABASE ${name}`)
  const url = new URL(postgresUrl)
  url.pathname = `/${name}`
  owner = new pg.Client(url.toString())
  await owner.connect()
  await owner.query(`
    CREATE TABLE runs(id text PRIMARY KEY, status text, attempt int, size bigint, cost numeric, ok bool, tags text[], meta jsonb,
                      email text, updated_at timestamptz, local timestamp);
    INSERT INTO runs VALUES
      ('a', 'RUNNING', 1, 9007199254740991, 1.5, true, '{x,"y, z",NULL}', '{"k": [1, "two"]}', 'a@example.org',
       '2026-01-02 03:04:05.123456+00', '2026-01-02 03:04:05.000001'),
      ('b', 'FAILED', 2, 9007199254740992, 'NaN', NULL, '{}', NULL, 'b@example.org', now(), NULL);
    CREATE TABLE many AS SELECT i AS n, repeat('x', 10) AS t FROM generate_series(1, 600) i;`)
  targets = openTargets({
    connections: {
      db: { kind: 'postgres', read: secret(url.toString()), ledger: 'target', redact: ['email'] },
      nowhere: { kind: 'postgres', read: secret('postgres://u:hunter2@127.0.0.1:1/db'), ledger: 'target', redact: [] },
    },
  })
})

afterAll(async () => {
  await targets.close()
  await owner.end()
  await admin.query(`DROP DATABASE ${name} WITH (FORCE)`)
  await admin.end()
})

function query(parameters: JsonObject, timeoutMs = 5_000) {
  const given = { connection: 'db', columns: {}, ...parameters }
  return runCheck(
    { name: 'q', kind: 'sql.query', parameters: given, timeoutMs, retries: 0, place: 'r1/check/q' },
    targets,
  )
}

test('the result has the declared columns with their types, and no others', async () => {
  const evidence = await query({
    sql: `SELECT * FROM runs WHERE id = $1`,
    params: ['a'],
    columns: {
      id: 'string',
      attempt: 'int',
      size: 'int',
      cost: 'double',
      ok: 'bool',
      tags: 'list(string?)',
      meta: 'dyn',
      updated_at: 'string',
      local: 'string?',
    },
  })
  expect(evidence).toMatchObject({ status: 'ok', place: 'r1/check/q', kind: 'sql.query', truncated: false })
  expect(evidence.result).toEqual({
    truncated: false,
    rows: [
      {
        id: 'a',
        attempt: 1,
        size: 9007199254740991,
        cost: 1.5,
        ok: true,
        tags: ['x', 'y, z', null],
        meta: { k: [1, 'two'] },
        updated_at: '2026-01-02 03:04:05.123456+00',
        local: '2026-01-02 03:04:05.000001',
      },
    ],
  })
})

test('a selected timestamp matches its row exactly, to the microsecond', async () => {
  const first = await query({ sql: 'SELECT updated_at FROM runs ORDER BY runs.id', columns: { updated_at: 'string' } })
  const at = (first.result!.rows as { updated_at: string }[])[0]!.updated_at
  const again = await query({
    sql: 'SELECT id FROM runs WHERE updated_at = $1::timestamptz',
    params: [at],
    columns: { id: 'string' },
  })
  expect(again.result!.rows).toEqual([{ id: 'a' }])
})

test('a dyn column is converted by its own type', async () => {
  const evidence = await query({
    sql: `SELECT 1::int AS i, 9007199254740992::bigint AS big, 1.25::float8 AS f, '{1,2}'::int[] AS l, true AS b, '[1]'::json AS j,
                 NULL AS n, 'NaN'::float8 AS nan, 1.50::numeric AS exact`,
    columns: { i: 'dyn', big: 'dyn', f: 'dyn', l: 'dyn', b: 'dyn', j: 'dyn', n: 'dyn', nan: 'dyn', exact: 'dyn' },
  })
  expect(evidence.result!.rows).toEqual([
    { i: 1, big: '9007199254740992', f: 1.25, l: [1, 2], b: true, j: [1], n: null, nan: 'NaN', exact: '1.50' },
  ])
})

test('durations, nulls, lists and numbers reach the statement as values', async () => {
  const evidence = await query({
    sql: `SELECT ($1::interval = interval '1 hour') AS h, $2::text IS NULL AS n, 'b' = ANY($3) AS l, $4::int + 1 AS i, $5::jsonb->>'k' AS j`,
    params: ['1h', null, ['a', 'b'], 41, { k: 'v' }],
    columns: { h: 'bool', n: 'bool', l: 'bool', i: 'int', j: 'string' },
  })
  expect(evidence.result!.rows).toEqual([{ h: true, n: true, l: true, i: 42, j: 'v' }])
})

test('data is never SQL text', async () => {
  const nasty = `x'; DROP TABLE runs; --`
  const evidence = await query({ sql: 'SELECT $1 AS t', params: [nasty], columns: { t: 'string' } })
  expect(evidence.result!.rows).toEqual([{ t: nasty }])
})

test('the 501st row is dropped, and the result is truncated', async () => {
  const cut = await query({ sql: 'SELECT n FROM many ORDER BY n', columns: { n: 'int' } })
  expect(cut.truncated).toBe(true)
  expect(cut.result!.rows).toHaveLength(500)
  const whole = await query({ sql: 'SELECT n FROM many ORDER BY n LIMIT 500', columns: { n: 'int' } })
  expect(whole.result).toMatchObject({ truncated: false })
  expect(whole.result!.rows).toHaveLength(500)
})

test('a result over 64 kB is cut and truncated', async () => {
  const evidence = await query({
    sql: `SELECT n, repeat('ä', 1000) AS t FROM many ORDER BY n`,
    columns: { n: 'int', t: 'string' },
  })
  expect(evidence.truncated).toBe(true)
  expect(Buffer.byteLength(JSON.stringify(evidence.result))).toBeLessThanOrEqual(64 * 1024)
  expect((evidence.result!.rows as unknown[]).length).toBeGreaterThan(20)
})

test.each([
  ['a missing column', 'SELECT id FROM runs', { nam: 'string' }, 'returns no column "nam"; it returns id'],
  ['a column twice', 'SELECT 1 AS a, 2 AS a', { a: 'int' }, 'returns the column "a" 2 times'],
  ['a wrong type', 'SELECT status FROM runs', { status: 'int' }, 'column status is "RUNNING", not an int'],
  [
    'an unsafe integer',
    `SELECT size FROM runs WHERE id = 'b'`,
    { size: 'int' },
    'column size is "9007199254740992", which is beyond 2^53',
  ],
  ['NaN', `SELECT cost FROM runs WHERE id = 'b'`, { cost: 'double' }, 'column cost is "NaN", not a double'],
  ['NULL in a column without ?', 'SELECT ok FROM runs', { ok: 'bool' }, 'column ok is NULL'],
  [
    'a mistake in the statement',
    'SELECT * FROM runz',
    { id: 'string' },
    'relation "runz" does not exist, SQLSTATE 42P01',
  ],
  ['two statements', 'SELECT 1; SELECT 2', { a: 'int' }, 'cannot insert multiple commands'],
  [
    'a write',
    `UPDATE runs SET status = 'X' RETURNING id`,
    { id: 'string' },
    'cannot execute UPDATE in a read-only transaction',
  ],
  [
    'an end of the read-only mode from within',
    `SELECT set_config('transaction_read_only', 'off', false) AS id`,
    { id: 'string' },
    'transaction read-write mode',
  ],
])('%s is a failed check with a clear message', async (_, sql, columns, message) => {
  const evidence = await query({ sql, columns })
  expect(evidence).toMatchObject({ status: 'failed', error: expect.stringContaining(message) })
  expect(evidence.ref).toMatch(/^[0-9a-f]{64}$/)
})

test('settings and locks of a statement end with it', async () => {
  await query({
    sql: `SELECT set_config('work_mem', '99MB', false) AS a, pg_try_advisory_lock(4711)::text AS b`,
    columns: { a: 'string', b: 'string' },
  })
  const after = await query({
    sql: `SELECT current_setting('work_mem') AS a, (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711) AS b`,
    columns: { a: 'string', b: 'int' },
  })
  expect(after.result!.rows).toEqual([{ a: expect.not.stringContaining('99'), b: 0 }])
})

test('a slow statement is cancelled at the timeout, on the server too', async () => {
  const evidence = await query({ sql: `SELECT pg_sleep(20)::text AS s`, columns: { s: 'string' } }, 400)
  expect(evidence).toMatchObject({ status: 'timeout', error: 'no result within 400ms' })
  expect(evidence.durationMs).toBeLessThan(2_000)
  await expect
    .poll(async () => {
      const found = await admin.query(
        `SELECT 1 FROM pg_stat_activity WHERE datname = '${name}' AND query LIKE '%pg_sleep(20)%' AND state = 'active' AND pid <> pg_backend_pid()`,
      )
      return found.rowCount
    })
    .toBe(0)
})

test('redacted columns are not in the evidence', async () => {
  const evidence = await query({ sql: 'SELECT id, email FROM runs', columns: { id: 'string', email: 'string' } })
  expect(evidence.result!.rows).toEqual([
    { id: 'a', email: '[redacted]' },
    { id: 'b', email: '[redacted]' },
  ])
})

test('an unreachable database is a failed check within seconds, without its password', async () => {
  const evidence = await query({ connection: 'nowhere', sql: 'SELECT 1 AS a', columns: { a: 'int' } })
  expect(evidence.status).toBe('failed')
  expect(evidence.error).toContain('connection nowhere: PostgreSQL at 127.0.0.1:1/db does not answer')
  expect(JSON.stringify(evidence)).not.toContain('hunter2')
  expect(evidence.durationMs).toBeLessThan(3_500)
})

test('the same result has the same ref, a different result a different ref', async () => {
  const run = (n: number) => query({ sql: 'SELECT $1::int AS n', params: [n], columns: { n: 'int' } })
  const [a, b, c] = await Promise.all([run(1), run(1), run(2)])
  expect(a.ref).toBe(b.ref)
  expect(a.ref).not.toBe(c.ref)
})

describe('a clock that differs from that of the server', () => {
  const { now } = Date
  const aged = "SELECT id FROM runs WHERE updated_at < now() - interval '1 minute' ORDER BY id"

  test.each([
    ['ahead', 600_000],
    ['behind', -600_000],
  ])('%s: a statement that uses the clock of the server fails', async (_, ms) => {
    vi.spyOn(Date, 'now').mockImplementation(() => now() + ms)
    const evidence = await query({ sql: aged, columns: { id: 'string' } }).finally(() => vi.restoreAllMocks())
    expect(evidence).toMatchObject({
      status: 'failed',
      error: expect.stringMatching(
        /connection db: the clocks of this worker and of the PostgreSQL server differ by (599|60\d) s/,
      ),
    })
    expect(await query({ sql: aged, columns: { id: 'string' } })).toMatchObject({
      status: 'ok',
      result: { rows: [{ id: 'a' }] },
    })
  })

  test('other statements are answered, and a small difference does not matter', async () => {
    const difference = vi.spyOn(Date, 'now').mockImplementation(() => now() + 600_000)
    const [plain, literal, quoted] = await Promise.all([
      query({ sql: "SELECT id FROM runs WHERE status = 'RUNNING' -- not now()", columns: { id: 'string' } }),
      query({ sql: "SELECT 'now'::timestamptz::text AS t", columns: { t: 'string' } }),
      query({ sql: "SELECT 'from now on' AS t", columns: { t: 'string' } }),
    ]).finally(() => difference.mockImplementation(() => now() + 20_000))
    const small = await query({ sql: aged, columns: { id: 'string' } }).finally(() => vi.restoreAllMocks())
    expect([plain, literal, quoted, small].map(({ status }) => status)).toEqual(['ok', 'failed', 'ok', 'ok'])
  })
})
