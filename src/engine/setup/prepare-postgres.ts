import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { DEFAULT_POSTGRES_CONNECTIONS, type PostgresConnection } from '../../config/config.ts'
import { scrubSecrets } from '../../config/secret.ts'
import { sha256Hex } from '../../core/canonical.ts'
import { messageOf, RunbookError } from '../../core/errors.ts'
import { prepareLedger } from '../../effects/prepare-ledger.ts'
import type { ColumnGrant } from '../../core/needed-grants.ts'
import type { PreparedConnection, PrepareOptions, WantedLogin } from './prepared-connection.ts'
import { limitTemporaryFiles } from './temporary-files.ts'
import { postgresAddress, postgresConnectError, postgresUrl } from '../../targets/explain-postgres.ts'
import { postgresWarnings } from './postgres-warnings.ts'
import { heldByPublic, revocation, revokeFromPublic, type HeldByPublic } from './revoke-from-public.ts'

/** The processes, workers and API, whose connections the roles allow. `doctor` says when there are more. */
const PROCESSES = 5

export interface Preparation extends PreparedConnection {
  client: pg.Client
  adminUrl: URL
  schemas: string[]
}

/**
 * Creates the roles of a PostgreSQL connection. The read role may read the given schemas and the server's statistics,
 * and nothing else.
 */
export async function preparePostgres(
  name: string,
  connection: PostgresConnection,
  logins: { read: WantedLogin; write?: WantedLogin },
  options: PrepareOptions,
): Promise<PreparedConnection> {
  const adminUrl = postgresUrl(options.adminUrl)
  if (!adminUrl) throw new RunbookError('RUNBOOK_CONFIG', 'the admin address is not a postgres:// address')
  const client = await connect(name, options.adminUrl)
  const did: string[] = []
  const warnings: string[] = []
  const p: Preparation = { client, adminUrl, did, warnings, env: {}, schemas: options.schemas ?? ['public'] }
  try {
    const diagnose = roleName(name, adminUrl, 'diagnose')
    const remediate = roleName(name, adminUrl, 'remediate')
    const most = connection.maxConnections ?? DEFAULT_POSTGRES_CONNECTIONS
    await requirePrimary(p)
    await client.query('BEGIN')
    await makeRole(p, diagnose, PROCESSES * most.read)
    await grantReading(p, diagnose)
    if (logins.write) {
      await makeRole(p, remediate, PROCESSES * most.write)
      await grantWriting(p, remediate, options.grants ?? [])
    }
    if (options.dryRun) return await dryRun(p, connection, { diagnose, remediate }, logins)
    await client.query('COMMIT')
    await limitTemporaryFiles(p, diagnose)
    await askAndRevoke(p, await heldByPublic(client, logins.write ? [diagnose, remediate] : [diagnose]), options)
    warnings.push(...(await postgresWarnings(client, diagnose, logins.write && remediate)))
    if (logins.write && connection.ledger === 'target') {
      const applied = await prepareLedger(options.adminUrl, remediate)
      did.push(
        `ledger of effects in schema runbook_ledger: ${applied.length > 0 ? `created (${applied.join(', ')})` : 'exists'}; ${remediate} may read it and add rows`,
      )
    }
    await login(p, diagnose, logins.read)
    if (logins.write) await login(p, remediate, logins.write)
    return { did, warnings, env: p.env }
  } catch (error) {
    if (error instanceof RunbookError) throw error
    const message = `connection ${name}: ${scrubSecrets(messageOf(error))}. The grants were rolled back. Use an admin address with more rights, or fix the cause, and run this again.`
    throw new RunbookError('RUNBOOK_CONFIG', message, {}, error)
  } finally {
    await client.end()
  }
}

/** Within the transaction of the grants, which is rolled back: what the server accepted so far, and what the later steps would do. */
async function dryRun(
  p: Preparation,
  { ledger }: PostgresConnection,
  { diagnose, remediate }: { diagnose: string; remediate: string },
  logins: { read: WantedLogin; write?: WantedLogin },
): Promise<PreparedConnection> {
  const { client, did, warnings, adminUrl } = p
  did.push(`${diagnose}: a limit for temporary files, unless the server has one or the admin login may not set it`)
  const held = await heldByPublic(client, logins.write ? [diagnose, remediate] : [diagnose])
  did.push(...held.map((one) => `${revocation(one)}, if you allow it`))
  if (logins.write && ledger === 'target') {
    const found = await client.query<{ exists: boolean }>(
      "SELECT to_regclass('runbook_ledger.effects') IS NOT NULL AS exists",
    )
    did.push(`ledger of effects in schema runbook_ledger: ${found.rows[0]?.exists ? 'updated' : 'created'}`)
  }
  await client.query('ROLLBACK')
  const of = [[diagnose, logins.read] as const, ...(logins.write ? [[remediate, logins.write] as const] : [])]
  for (const [role, { current, variable }] of of) {
    const isKept = current !== undefined && (await worksFor(current, role, adminUrl.pathname))
    did.push(isKept ? `${role}: the password in ${variable} is kept` : `${role}: new password, for ${variable}`)
  }
  return { did, warnings, env: {} }
}

/** Other users of the database have the rights of PUBLIC too, so a person decides. */
async function askAndRevoke(p: Preparation, held: HeldByPublic[], { mayRevoke }: PrepareOptions): Promise<void> {
  if (held.length === 0) return
  if (await mayRevoke?.(held.map(revocation))) return revokeFromPublic(p, held)
  p.warnings.push(
    `PUBLIC has rights in this database that the engine's logins have because of it: ${held.map(({ right }) => right).join('; ')}. They were not revoked`,
  )
}

async function connect(connection: string, url: string): Promise<pg.Client> {
  const address = postgresAddress(connection, 'admin', url)
  try {
    const client = new pg.Client({
      connectionString: url,
      connectionTimeoutMillis: 5_000,
      application_name: 'runbook prepare',
    })
    client.on('error', () => {})
    await client.connect()
    return client
  } catch (error) {
    throw postgresConnectError({ connection, address }, error)
  }
}

async function requirePrimary({ client }: Preparation): Promise<void> {
  const { rows } = await client.query<{ replica: boolean }>('SELECT pg_is_in_recovery() AS replica')
  if (rows[0]?.replica)
    throw new RunbookError(
      'RUNBOOK_CONFIG',
      'the admin address is of a read replica, on which no role can be created: use the address of its primary. Roles are replicated',
    )
}

/**
 * Roles belong to the whole server, not to one database, so the role's name contains the names of the database and the
 * connection.
 */
function roleName(connection: string, url: URL, purpose: string): string {
  const words = `runbook_${url.pathname.slice(1)}_${connection}`.toLowerCase().replace(/[^a-z0-9]+/g, '_')
  const full = `${words}_${purpose}`
  return full.length <= 63 ? full : `${words.slice(0, 40)}_${sha256Hex(full).slice(0, 8)}_${purpose}`
}

/** Creates the role, or resets the rights of an existing one. Throws if the role has rights that no runbook role may have. */
async function makeRole({ client, did }: Preparation, role: string, connections: number): Promise<void> {
  const name = client.escapeIdentifier(role)
  const found = await client.query<{ privileged: boolean; owns: boolean }>(
    `SELECT rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls AS privileged,
            EXISTS (SELECT 1 FROM pg_shdepend WHERE refclassid = 'pg_authid'::regclass AND refobjid = r.oid AND deptype = 'o') AS owns
       FROM pg_roles r WHERE rolname = $1`,
    [role],
  )
  const existing = found.rows[0]
  if (existing?.privileged || existing?.owns)
    throw new RunbookError(
      'RUNBOOK_CONFIG',
      `the role ${role} exists and has administrator rights or owns objects: rename or drop it first`,
    )
  if (!existing) await client.query(`CREATE ROLE ${name} LOGIN`)
  await client.query(`ALTER ROLE ${name} LOGIN CONNECTION LIMIT ${connections}`)
  await revokeAll(client, role)
  await client.query(`GRANT CONNECT ON DATABASE ${await databaseName(client)} TO ${name}`)
  did.push(`role ${role}: ${existing ? 'exists; grants reset' : 'created'}; at most ${connections} connections`)
}

/** Revokes memberships and rights in this database. Rights on the ledger are kept, because effects may be in progress. */
async function revokeAll(client: pg.Client, role: string): Promise<void> {
  const name = client.escapeIdentifier(role)
  const groups = await client.query<{ rolname: string }>(
    `SELECT g.rolname FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid WHERE m.member = $1::regrole`,
    [name],
  )
  for (const { rolname } of groups.rows) await client.query(`REVOKE ${client.escapeIdentifier(rolname)} FROM ${name}`)
  const held = await client.query<{ what: string }>(
    `WITH acl AS (
       SELECT format('SCHEMA %I', nspname) AS what, nspname, nspacl AS acl FROM pg_namespace
       UNION ALL SELECT format('%s %I.%I', CASE relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, nspname, relname), nspname, relacl
                   FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
       UNION ALL SELECT format('TABLE %I.%I', nspname, relname), nspname, attacl
                   FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
                  WHERE NOT attisdropped)
     SELECT DISTINCT what FROM acl, aclexplode(acl.acl) e WHERE e.grantee = $1::regrole AND nspname <> 'runbook_ledger'`,
    [name],
  )
  for (const { what } of held.rows) await client.query(`REVOKE ALL ON ${what} FROM ${name}`)
}

async function grantReading(p: Preparation, role: string): Promise<void> {
  const { client, did, schemas } = p
  const name = client.escapeIdentifier(role)
  const hasMonitor = await attempt(
    p,
    `GRANT pg_monitor TO ${name}`,
    `${role} is not a member of pg_monitor: statements and locks of other users are hidden from checks`,
  )
  for (const schema of schemas) {
    const quoted = client.escapeIdentifier(schema)
    await client.query(`GRANT USAGE ON SCHEMA ${quoted} TO ${name}`)
    await client.query(`GRANT SELECT ON ALL TABLES IN SCHEMA ${quoted} TO ${name}`)
    const owners = await client.query<{ owner: string }>(
      `SELECT DISTINCT relowner::regrole::text AS owner FROM pg_class WHERE relnamespace = $1::regnamespace AND relkind IN ('r', 'p', 'v', 'm')`,
      [quoted],
    )
    for (const { owner } of owners.rows)
      await attempt(
        p,
        `ALTER DEFAULT PRIVILEGES FOR ROLE ${owner} IN SCHEMA ${quoted} GRANT SELECT ON TABLES TO ${name}`,
        `tables that ${owner} creates in ${schema} later cannot be read by ${role}: run this command again after they were created`,
      )
  }
  await client.query(`ALTER ROLE ${name} SET default_transaction_read_only = on`)
  await client.query(`ALTER ROLE ${name} SET statement_timeout = '30s'`)
  await client.query(`ALTER ROLE ${name} SET lock_timeout = '2s'`)
  await client.query(`ALTER ROLE ${name} SET idle_in_transaction_session_timeout = '15s'`)
  did.push(
    `${role}: SELECT on all current and future tables of ${schemas.join(', ')};${hasMonitor ? ' pg_monitor;' : ''} read-only transactions; timeouts`,
  )
}

/**
 * Tries a statement that the administrator of a hosted server may not be allowed to run. A failure becomes a warning,
 * because the connection can be used without it.
 */
async function attempt({ client, warnings }: Preparation, statement: string, otherwise: string): Promise<boolean> {
  await client.query('SAVEPOINT attempt')
  try {
    await client.query(statement)
    return true
  } catch (error) {
    await client.query('ROLLBACK TO SAVEPOINT attempt')
    warnings.push(`${otherwise} (${scrubSecrets(messageOf(error))})`)
    return false
  }
}

const WHOLE_RIGHTS = new Set(['SELECT', 'INSERT', 'UPDATE', 'DELETE'])

async function grantWriting({ client, did }: Preparation, role: string, grants: ColumnGrant[]): Promise<void> {
  const name = client.escapeIdentifier(role)
  await client.query(`ALTER ROLE ${name} SET lock_timeout = '5s'`)
  await client.query(`ALTER ROLE ${name} SET idle_in_transaction_session_timeout = '15s'`)
  for (const { table, update, select, whole = [] } of grants) {
    const found = await client.query<{ schema: string; relation: string }>(
      `SELECT quote_ident(nspname) AS schema, format('%I.%I', nspname, relname) AS relation
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = to_regclass($1)`,
      [
        table
          .split('.')
          .map((part) => client.escapeIdentifier(part))
          .join('.'),
      ],
    )
    const { schema, relation } = found.rows[0] ?? {}
    if (!relation)
      throw new RunbookError(
        'RUNBOOK_CONFIG',
        `table ${table} does not exist, but an action of the runbooks changes it`,
      )
    const columns = (names: string[]) => [...new Set(names)].map((column) => client.escapeIdentifier(column)).join(', ')
    await client.query(`GRANT USAGE ON SCHEMA ${schema} TO ${name}`)
    const rights = [
      ...whole.filter((right) => WHOLE_RIGHTS.has(right)),
      ...(update.length > 0 ? [`UPDATE (${columns(update)})`] : []),
      ...(select.length > 0 ? [`SELECT (${columns(select)})`] : []),
    ]
    if (rights.length > 0) await client.query(`GRANT ${rights.join(', ')} ON ${relation} TO ${name}`)
    if (whole.includes('INSERT')) await grantSequences(client, relation, name)
    did.push(`${role}: ${rights.join(', ')} on ${relation}`)
  }
  if (grants.length === 0)
    did.push(`${role}: no table, because no action of the runbooks changes one through this connection`)
}

/** Inserting into a table with a serial column needs a right on the column's sequence. */
async function grantSequences(client: pg.Client, relation: string, name: string): Promise<void> {
  const found = await client.query<{ sequence: string }>(
    `SELECT format('%I.%I', nspname, relname) AS sequence
       FROM pg_depend d JOIN pg_class c ON c.oid = d.objid JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = $1::regclass
        AND d.deptype = 'a' AND relkind = 'S'`,
    [relation],
  )
  for (const { sequence } of found.rows) await client.query(`GRANT USAGE ON SEQUENCE ${sequence} TO ${name}`)
}

/** Keeps the current password if it works; otherwise sets a new one. */
async function login({ client, adminUrl, did, env }: Preparation, role: string, wanted: WantedLogin): Promise<void> {
  if (wanted.current && (await worksFor(wanted.current, role, adminUrl.pathname))) {
    env[wanted.variable] = wanted.current
    did.push(`${role}: the password in ${wanted.variable} works and is kept`)
    return
  }
  const password = randomBytes(24).toString('base64url')
  await client.query(`ALTER ROLE ${client.escapeIdentifier(role)} PASSWORD ${client.escapeLiteral(password)}`)
  const url = new URL(adminUrl)
  url.username = role
  url.password = password
  if (!(await worksFor(url.href, role, adminUrl.pathname)))
    throw new RunbookError(
      'RUNBOOK_CONFIG',
      `the new role ${role} cannot log in: check pg_hba.conf and the server's log`,
    )
  env[wanted.variable] = url.href
  did.push(`${role}: new password, for ${wanted.variable}`)
}

async function worksFor(url: string, role: string, database: string): Promise<boolean> {
  const parsed = postgresUrl(url)
  if (parsed?.username !== role || parsed.pathname !== database) return false
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 })
  client.on('error', () => {})
  try {
    await client.connect()
    return true
  } catch {
    return false
  } finally {
    await client.end().catch(() => {})
  }
}

async function databaseName(client: pg.Client): Promise<string> {
  const found = await client.query<{ name: string }>('SELECT quote_ident(current_database()) AS name')
  return found.rows[0]!.name
}
