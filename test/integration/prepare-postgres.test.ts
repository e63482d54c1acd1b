import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { resolveSecret } from '../../src/config/secret.ts'
import { doctorConnections } from '../../src/engine/setup/doctor-connections.ts'
import { prepareConnection } from '../../src/engine/setup/prepare-connection.ts'
import type { Preparation } from '../../src/engine/setup/postgres-roles.ts'
import { limitTemporaryFiles } from '../../src/engine/setup/temporary-files.ts'
import type { PreparedConnection, PrepareOptions } from '../../src/engine/setup/prepared-connection.ts'

const database = `prepare_${randomBytes(4).toString('hex')}`
const appRole = `${database}_app`
const grants = [
  { table: 'runs', update: ['status', 'failure_reason'], select: ['id', 'status', 'updated_at'] },
  { table: 'outbox', update: [], select: [], whole: ['INSERT', 'SELECT'] },
]
let server: pg.Client
let adminUrl: string
let appUrl: string
let prepared: PreparedConnection
/** The answer of a dry run before the first preparation, and the roles after the dry run. */
let dry: PreparedConnection
let rolesAfterDryRun: string[]
/** The first preparation, which could not ask whether it may revoke rights. */
let careful: PreparedConnection

beforeAll(async () => {
  const { postgresUrl } = inject('stack')
  server = new pg.Client(postgresUrl)
  await server.connect()
  await server.query(`CREATE DATABASE ${database}`)
  await server.query(`CREATE ROLE ${appRole} LOGIN PASSWORD 'app'`)
  const url = new URL(postgresUrl)
  url.pathname = `/${database}`
  adminUrl = url.href
  appUrl = Object.assign(new URL(adminUrl), { username: appRole, password: 'app' }).href
  await asRole(adminUrl, async (client) => {
    await client.query(`
      CREATE TABLE runs(id text PRIMARY KEY, status text, failure_reason text, owner text, updated_at timestamptz DEFAULT now());
      CREATE TABLE other(id int);
      CREATE TABLE outbox(id serial PRIMARY KEY, kind text);
      CREATE SEQUENCE counter;
      INSERT INTO runs(id, status) VALUES ('a', 'RUNNING');
      CREATE FUNCTION become() RETURNS void LANGUAGE sql SECURITY DEFINER AS $$ SELECT $$;
      GRANT ALL ON ALL TABLES IN SCHEMA public TO ${appRole};`)
  })
  dry = await prepare({}, { dryRun: true, mayRevoke: allow.mayRevoke })
  rolesAfterDryRun = await rolesNow()
  careful = await prepare({}, {})
  prepared = await prepare(careful.env)
})

async function rolesNow(): Promise<string[]> {
  const found = await server.query<{ rolname: string }>('SELECT rolname FROM pg_roles WHERE rolname LIKE $1', [
    `runbook_${database}%`,
  ])
  return found.rows.map(({ rolname }) => rolname)
}

afterAll(async () => {
  await server.query(`DROP DATABASE ${database} WITH (FORCE)`)
  for (const role of [appRole, roleOf('MAESTRO_READ'), roleOf('MAESTRO_WRITE')]) await server.query(`DROP ROLE ${role}`)
  await server.end()
})

function prepare(
  environment: Record<string, string>,
  options: Partial<PrepareOptions> = allow,
): Promise<PreparedConnection> {
  const secret = (variable: string) => resolveSecret(`\${${variable}}`, 'test', environment)
  const connection = {
    kind: 'postgres' as const,
    read: secret('MAESTRO_READ'),
    write: secret('MAESTRO_WRITE'),
    ledger: 'target' as const,
    redact: [],
  }
  return prepareConnection({ connections: { db: connection } }, 'db', { adminUrl, grants, ...options })
}

const allow = { mayRevoke: async () => true }

async function asRole<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client(url)
  client.on('error', () => {})
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

const roleOf = (variable: string) => new URL(prepared.env[variable]!).username

/** The SQLSTATE and message of the first refused statement; undefined if all were accepted. */
async function refusal(url: string, statements: string[]): Promise<string | undefined> {
  return asRole(url, async (client) => {
    for (const statement of statements) {
      const error = await client.query(statement).then(
        () => undefined,
        (thrown: { code: string; message: string }) => thrown,
      )
      if (error) return `${error.code} ${error.message}`
    }
    return undefined
  })
}

/** The statement in a transaction where the role turned off every read-only setting that it can, so that only a missing right refuses it. */
const readWrite = (statement: string) => [
  'SET default_transaction_read_only = off',
  'BEGIN READ WRITE',
  statement,
  'COMMIT',
]

test('a dry run says what would be done, and creates nothing', () => {
  const report = dry.did.join('\n')
  expect(report).toContain('UPDATE ("status", "failure_reason"), SELECT ("id", "status", "updated_at") on public.runs')
  expect(report).toContain('temporary tables: revoked from PUBLIC')
  expect(report).toContain('ledger of effects in schema runbook_ledger: created')
  expect(report).toContain('new password, for MAESTRO_READ')
  expect([dry.env, rolesAfterDryRun]).toEqual([{}, []])
})

test('without an answer it revokes nothing from PUBLIC, and says which rights PUBLIC has', () => {
  expect(careful.did.join('\n')).not.toContain('PUBLIC')
  expect(careful.warnings.join('\n')).toMatch(
    /rights in this database that were granted to PUBLIC: .*TEMP ON DATABASE .* not revoked/,
  )
})

test('the statement that it names gives PUBLIC the revoked right again', async () => {
  const line = prepared.did.find((one) => one.startsWith('temporary tables'))!
  const statement = /To take it back: (.*)$/.exec(line)![1]!
  const isHeld = async () =>
    (await server.query(`SELECT has_database_privilege('public', $1, 'TEMP') AS held`, [database])).rows[0].held
  expect(await isHeld()).toBe(false)
  await asRole(adminUrl, (client) => client.query(statement))
  expect(await isHeld()).toBe(true)
  await prepare(prepared.env)
  expect(await isHeld()).toBe(false)
})

test('reports what was done, without a secret', () => {
  const report = [...careful.did, ...prepared.did, ...prepared.warnings].join('\n')
  expect(report).toContain(`role ${roleOf('MAESTRO_READ')}: created`)
  expect(report).toContain('SELECT on all current and future tables of public')
  expect(report).toContain('UPDATE ("status", "failure_reason"), SELECT ("id", "status", "updated_at") on public.runs')
  expect(report).toContain('temporary tables: revoked from PUBLIC')
  expect(report).toContain(appRole)
  expect(report).toContain('may call functions that run with their owner’s rights'.replace('’', "'"))
  for (const url of Object.values(prepared.env)) expect(report).not.toContain(new URL(url).password)
})

test('the read role reads current and future tables, and the statistics', async () => {
  await asRole(adminUrl, (client) => client.query('CREATE TABLE later(id int)'))
  await asRole(prepared.env.MAESTRO_READ!, async (client) => {
    expect((await client.query('SELECT id FROM runs')).rows).toEqual([{ id: 'a' }])
    expect((await client.query('SELECT * FROM later')).rows).toEqual([])
    const other = await client.query(
      `SELECT query FROM pg_stat_activity WHERE usename <> current_user AND backend_type = 'client backend'`,
    )
    expect(other.rows.every((row) => row.query !== '<insufficient privilege>')).toBe(true)
    expect((await client.query('SHOW default_transaction_read_only')).rows[0]).toEqual({
      default_transaction_read_only: 'on',
    })
  })
})

test.each([
  ['an UPDATE', ["UPDATE runs SET status = 'X'"], '25006'],
  ['an UPDATE after SET TRANSACTION READ WRITE', readWrite("UPDATE runs SET status = 'X'"), '42501'],
  [
    'an UPDATE after a COMMIT in the same text',
    ["BEGIN READ ONLY; SELECT 1; COMMIT; BEGIN READ WRITE; UPDATE runs SET status = 'X'"],
    '42501',
  ],
  [
    'an UPDATE after set_config',
    ["SELECT set_config('default_transaction_read_only', 'off', false)", "UPDATE runs SET status = 'X'"],
    '42501',
  ],
  ['an INSERT', readWrite("INSERT INTO runs(id) VALUES ('z')"), '42501'],
  ['a DELETE', readWrite('DELETE FROM runs'), '42501'],
  ['a TRUNCATE', readWrite('TRUNCATE runs'), '42501'],
  ['a row lock', readWrite('SELECT * FROM runs FOR UPDATE'), '42501'],
  ['a strong table lock', readWrite('LOCK TABLE runs IN SHARE MODE'), '42501'],
  ['a sequence', readWrite("SELECT nextval('counter')"), '42501'],
  ['a table', readWrite('CREATE TABLE t(i int)'), '42501'],
  ['a temporary table', readWrite('CREATE TEMP TABLE t(i int)'), '42501'],
  ['a schema', readWrite('CREATE SCHEMA s'), '42501'],
  ['a function', readWrite("CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'"), '42501'],
  ['an extension', readWrite('CREATE EXTENSION dblink'), '42501'],
  ['a large object', readWrite('SELECT lo_create(0)'), '42501'],
  ['a large object of bytes', readWrite("SELECT lo_from_bytea(0, 'x')"), '42501'],
  ['a message in the write-ahead log', readWrite("SELECT pg_logical_emit_message(false, 'p', 'm')"), '42501'],
  ['a role', readWrite('CREATE ROLE r'), '42501'],
  ['more rights for itself', readWrite('GRANT pg_write_all_data TO CURRENT_USER'), '42501'],
  ['another role', [`SET ROLE ${appRole}`], '42501'],
  ['a setting of the server', ["ALTER SYSTEM SET work_mem = '1GB'"], '42501'],
  ['a setting that only superusers have', ["SET session_replication_role = 'replica'"], '42501'],
  ['a program', readWrite("COPY (SELECT 1) TO PROGRAM 'true'"), '42501'],
  ['a file', readWrite("COPY (SELECT 1) TO '/tmp/x'"), '42501'],
  ['reading a file', ["SELECT pg_read_file('/etc/passwd')"], '42501'],
  ['resetting the statistics', ['SELECT pg_stat_reset()'], '42501'],
  ['a checkpoint', ['CHECKPOINT'], '42501'],
  ['reading passwords', ['SELECT rolpassword FROM pg_authid'], '42501'],
  ['the ledger', ['SELECT * FROM runbook_ledger.effects'], '42501'],
])('the read role is refused %s', async (_, statements, state) => {
  expect(await refusal(prepared.env.MAESTRO_READ!, statements)).toMatch(new RegExp(`^${state} `))
})

test('a check cannot fill the disk of the server with temporary files', async () => {
  const sort = 'SELECT i FROM generate_series(1, 3000000) i ORDER BY repeat(i::text, 20) OFFSET 2999999'
  await asRole(prepared.env.MAESTRO_READ!, async (client) => {
    expect((await client.query('SHOW temp_file_limit')).rows).toEqual([{ temp_file_limit: '1GB' }])
    await expect(client.query('SET temp_file_limit = -1')).rejects.toMatchObject({ code: '42501' })
    // The limit is smaller than what the sort needs, so that the test does not write a gigabyte.
    await asRole(adminUrl, (admin) => admin.query(`ALTER ROLE ${roleOf('MAESTRO_READ')} SET temp_file_limit = '10MB'`))
  })
  expect(await refusal(prepared.env.MAESTRO_READ!, [sort])).toMatch(/^53400 temporary file size exceeds/)
  await prepare(prepared.env)
  await asRole(prepared.env.MAESTRO_READ!, async (client) => {
    expect((await client.query('SHOW temp_file_limit')).rows).toEqual([{ temp_file_limit: '1GB' }])
  })
})

test('an admin login that may not limit temporary files is reported, with the statement to run', async () => {
  const admin = `${database}_admin`
  await server.query(`CREATE ROLE ${admin} LOGIN PASSWORD 'admin'`)
  const warnings: string[] = []
  const role = roleOf('MAESTRO_READ')
  const url = Object.assign(new URL(adminUrl), { username: admin, password: 'admin' }).href
  try {
    await asRole(url, (client) => limitTemporaryFiles({ client, did: [], warnings } as unknown as Preparation, role))
  } finally {
    await server.query(`DROP ROLE ${admin}`)
  }
  expect(warnings).toEqual([expect.stringContaining(`run ALTER ROLE "${role}" SET temp_file_limit = '1GB'`)])
})

test('the read role cannot terminate or cancel the queries of others', async () => {
  await asRole(appUrl, async (app) => {
    const { pid } = (await app.query('SELECT pg_backend_pid() AS pid')).rows[0] as { pid: number }
    for (const call of ['pg_terminate_backend', 'pg_cancel_backend'])
      expect(await refusal(prepared.env.MAESTRO_READ!, [`SELECT ${call}(${pid})`])).toMatch(/^42501 /)
    expect((await app.query('SELECT 1 AS up')).rows).toEqual([{ up: 1 }])
  })
})

test('the write role changes the named columns under its guard, and uses the ledger', async () => {
  const works = await refusal(prepared.env.MAESTRO_WRITE!, [
    "UPDATE runs SET status = 'FAILED', failure_reason = 'Stalled' WHERE id = 'a' AND status = 'RUNNING' RETURNING id",
    `INSERT INTO runbook_ledger.effects(key, digest, detail, rows) VALUES ('k', repeat('a', 64), 'd', 1) ON CONFLICT DO NOTHING`,
    `INSERT INTO runbook_ledger.fences(name, fence) VALUES ('l', 1) ON CONFLICT (name) DO UPDATE SET fence = excluded.fence`,
  ])
  expect(works).toBeUndefined()
})

test('the write role has the declared rights on whole tables, and on their sequences', async () => {
  const statement = "INSERT INTO outbox (kind) VALUES ('x') RETURNING id, kind"
  expect(await refusal(prepared.env.MAESTRO_WRITE!, [statement])).toBeUndefined()
})

test.each([
  ['a right on a whole table that was not declared', 'DELETE FROM outbox WHERE id = 1'],
  ['another column', "UPDATE runs SET owner = 'me' WHERE id = 'a'"],
  ['the key', "UPDATE runs SET id = 'b' WHERE id = 'a'"],
  ['reading another column', 'SELECT owner FROM runs'],
  ['another table', 'SELECT * FROM other'],
  ['an INSERT', "INSERT INTO runs(id) VALUES ('z')"],
  ['a DELETE', 'DELETE FROM runs'],
  ['changing the ledger', "UPDATE runbook_ledger.effects SET detail = 'x'"],
  ['emptying the ledger', 'DELETE FROM runbook_ledger.effects'],
  ['a table', 'CREATE TABLE t(i int)'],
  ['a temporary table', 'CREATE TEMP TABLE t(i int)'],
  ['a large object', 'SELECT lo_create(0)'],
  ['a role', 'CREATE ROLE r'],
])('the write role is refused %s', async (_, statement) => {
  expect(await refusal(prepared.env.MAESTRO_WRITE!, [statement])).toMatch(/^42501 /)
})

test('other roles of the database keep the rights that PUBLIC had', async () => {
  expect(await refusal(appUrl, ['CREATE TEMP TABLE t(i int)', 'SELECT lo_unlink(lo_create(0))'])).toBeUndefined()
})

test('preparing again keeps working passwords and revokes rights that are not declared', async () => {
  await asRole(adminUrl, async (client) => {
    await client.query(`GRANT DELETE ON runs TO ${roleOf('MAESTRO_WRITE')}`)
    await client.query(`GRANT pg_write_all_data TO ${roleOf('MAESTRO_READ')}`)
    await client.query(`GRANT UPDATE (owner) ON runs TO ${roleOf('MAESTRO_READ')}`)
  })
  const again = await prepare(prepared.env)
  expect(again.env).toEqual(prepared.env)
  expect(again.did.join('\n')).toContain('is kept')
  expect(await refusal(prepared.env.MAESTRO_WRITE!, ['DELETE FROM runs'])).toMatch(/^42501 /)
  expect(await refusal(prepared.env.MAESTRO_READ!, readWrite("UPDATE runs SET owner = 'x'"))).toMatch(/^42501 /)
  expect(await refusal(prepared.env.MAESTRO_READ!, readWrite('DELETE FROM runs'))).toMatch(/^42501 /)
})

test('tables that the read role may not read are named, by prepare and by doctor', async () => {
  await asRole(adminUrl, (client) =>
    client.query(
      'CREATE SCHEMA billing; CREATE TABLE billing.invoices (id int); CREATE VIEW billing.open AS SELECT 1 AS id',
    ),
  )
  const read = resolveSecret('${MAESTRO_READ}', 'test', prepared.env)
  const connection = { kind: 'postgres' as const, read, ledger: 'target' as const, redact: [] }
  const doctor = async () => (await doctorConnections({ connections: { db: connection } }))[0]?.detail
  expect((await prepare(prepared.env)).warnings.join()).toContain('may not read 2 tables of schema billing: checks')
  expect(await doctor()).toContain('the read login may not read 2 tables of schema billing, so checks of them fail')
  const both = await prepare(prepared.env, { ...allow, schemas: ['public', 'billing'] })
  expect(both.warnings.join()).not.toContain('may not read')
  expect(await doctor()).not.toContain('may not read')
})

test('a missing table is named, and no role is left behind', async () => {
  const secret = (variable: string) => resolveSecret(`\${${variable}}`, 'test', {})
  const connection = {
    kind: 'postgres' as const,
    read: secret('R'),
    write: secret('W'),
    ledger: 'none' as const,
    redact: [],
  }
  const attempt = prepareConnection({ connections: { half: connection } }, 'half', {
    adminUrl,
    grants: [{ table: 'nope', update: ['a'], select: [] }],
  })
  await expect(attempt).rejects.toMatchObject({
    code: 'RUNBOOK_CONFIG',
    message: expect.stringContaining('table nope does not exist'),
  })
  const left = await server.query(`SELECT 1 FROM pg_roles WHERE rolname LIKE 'runbook_${database}_half%'`)
  expect(left.rowCount).toBe(0)
})

test('an address that does not answer is reported without its password', async () => {
  const secret = resolveSecret('${R}', 'test', {})
  const connection = { kind: 'postgres' as const, read: secret, ledger: 'none' as const, redact: [] }
  const attempt = prepareConnection({ connections: { db: connection } }, 'db', {
    adminUrl: 'postgres://u:hunter2@127.0.0.1:1/x',
  })
  const error = await attempt.catch((thrown: Error) => thrown)
  expect(error).toMatchObject({ code: 'RUNBOOK_UNREACHABLE' })
  expect(String((error as Error).message)).not.toContain('hunter2')
})
