import { randomBytes } from 'node:crypto'
import pg from 'pg'
import type { PostgresConnection } from '../../config/config.ts'
import { scrubSecrets } from '../../config/secret.ts'
import { sha256Hex } from '../../core/canonical.ts'
import { messageOf, RunbookError } from '../../core/errors.ts'
import { prepareLedger } from '../../effects/prepare-ledger.ts'
import type { ColumnGrant, PreparedConnection, PrepareOptions, WantedLogin } from './prepared-connection.ts'
import { closeToPublic } from './close-to-public.ts'

interface Preparation extends PreparedConnection {
  client: pg.Client
  adminUrl: URL
  schemas: string[]
}

/** A role that reads may read the given schemas and the server's statistics, and nothing more. */
export async function preparePostgres(
  name: string,
  connection: PostgresConnection,
  logins: { read: WantedLogin; write?: WantedLogin },
  options: PrepareOptions,
): Promise<PreparedConnection> {
  const adminUrl = new URL(options.adminUrl)
  const client = await connect(options.adminUrl)
  const did: string[] = []
  const warnings: string[] = []
  const p: Preparation = { client, adminUrl, did, warnings, env: {}, schemas: options.schemas ?? ['public'] }
  try {
    const diagnose = roleName(name, adminUrl, 'diagnose')
    const remediate = roleName(name, adminUrl, 'remediate')
    await client.query('BEGIN')
    await makeRole(p, diagnose, 40)
    await grantReading(p, diagnose)
    if (logins.write) {
      await makeRole(p, remediate, 20)
      await grantWriting(p, remediate, options.grants ?? [])
    }
    await client.query('COMMIT')
    await closeToPublic(p, logins.write ? [diagnose, remediate] : [diagnose])
    await warnOfDefiners(p, diagnose)
    if (logins.write && connection.ledger === 'target') {
      const applied = await prepareLedger(options.adminUrl, remediate)
      did.push(
        `ledger of effects in schema runbook_ledger: ${applied.length > 0 ? `made (${applied.join(', ')})` : 'is there'}; ${remediate} may see and add to it`,
      )
    }
    await login(p, diagnose, logins.read)
    if (logins.write) await login(p, remediate, logins.write)
    return { did, warnings, env: p.env }
  } catch (error) {
    if (error instanceof RunbookError) throw error
    const message = `connection ${name}: ${scrubSecrets(messageOf(error))}. Nothing was half granted; give an address with more rights, or mend this and run it again.`
    throw new RunbookError('RUNBOOK_CONFIG', message, {}, error)
  } finally {
    await client.end()
  }
}

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: 5_000,
    application_name: 'runbook prepare',
  })
  client.on('error', () => {})
  try {
    await client.connect()
    return client
  } catch (error) {
    const { host, pathname } = new URL(url)
    const message = `PostgreSQL at ${host}${pathname} does not answer: ${scrubSecrets(messageOf(error))}`
    throw new RunbookError('RUNBOOK_UNREACHABLE', message, {}, error)
  }
}

/** Roles are the server's, not the database's, so both names are in it. */
function roleName(connection: string, url: URL, what: string): string {
  const words = `runbook_${url.pathname.slice(1)}_${connection}`.toLowerCase().replace(/[^a-z0-9]+/g, '_')
  const full = `${words}_${what}`
  return full.length <= 63 ? full : `${words.slice(0, 40)}_${sha256Hex(full).slice(0, 8)}_${what}`
}

/** The role without any right, whatever it had. Throws when it is one that no runbook should use. */
async function makeRole({ client, did }: Preparation, role: string, connections: number): Promise<void> {
  const name = client.escapeIdentifier(role)
  const found = await client.query<{ mighty: boolean; owns: boolean }>(
    `SELECT rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls AS mighty,
            EXISTS (SELECT 1 FROM pg_shdepend WHERE refclassid = 'pg_authid'::regclass AND refobjid = r.oid AND deptype = 'o') AS owns
       FROM pg_roles r WHERE rolname = $1`,
    [role],
  )
  const existing = found.rows[0]
  if (existing?.mighty || existing?.owns)
    throw new RunbookError(
      'RUNBOOK_CONFIG',
      `the role ${role} exists and is mighty, or owns things: rename or drop it first`,
    )
  if (!existing) await client.query(`CREATE ROLE ${name} LOGIN`)
  await client.query(`ALTER ROLE ${name} LOGIN CONNECTION LIMIT ${connections}`)
  await stripRole(client, role)
  await client.query(`GRANT CONNECT ON DATABASE ${await databaseName(client)} TO ${name}`)
  did.push(
    `role ${role}: ${existing ? 'is there, its rights set anew' : 'created'}; at most ${connections} connections`,
  )
}

/** Its memberships, and its rights on schemas and tables of this database; those on the ledger stay, as effects may be under way. */
async function stripRole(client: pg.Client, role: string): Promise<void> {
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

async function grantReading({ client, did, schemas }: Preparation, role: string): Promise<void> {
  const name = client.escapeIdentifier(role)
  await client.query(`GRANT pg_monitor TO ${name}`)
  for (const schema of schemas) {
    const quoted = client.escapeIdentifier(schema)
    await client.query(`GRANT USAGE ON SCHEMA ${quoted} TO ${name}`)
    await client.query(`GRANT SELECT ON ALL TABLES IN SCHEMA ${quoted} TO ${name}`)
    const owners = await client.query<{ owner: string }>(
      `SELECT DISTINCT relowner::regrole::text AS owner FROM pg_class WHERE relnamespace = $1::regnamespace AND relkind IN ('r', 'p', 'v', 'm')`,
      [quoted],
    )
    for (const { owner } of owners.rows)
      await client.query(
        `ALTER DEFAULT PRIVILEGES FOR ROLE ${owner} IN SCHEMA ${quoted} GRANT SELECT ON TABLES TO ${name}`,
      )
  }
  await client.query(`ALTER ROLE ${name} SET default_transaction_read_only = on`)
  await client.query(`ALTER ROLE ${name} SET statement_timeout = '30s'`)
  await client.query(`ALTER ROLE ${name} SET lock_timeout = '2s'`)
  await client.query(`ALTER ROLE ${name} SET idle_in_transaction_session_timeout = '15s'`)
  did.push(
    `${role}: SELECT on all tables of ${schemas.join(', ')}, also those to come; pg_monitor; read-only transactions; timeouts`,
  )
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
    if (!relation) throw new RunbookError('RUNBOOK_CONFIG', `there is no table ${table}, which an action is to change`)
    const columns = (names: string[]) => [...new Set(names)].map((column) => client.escapeIdentifier(column)).join(', ')
    await client.query(`GRANT USAGE ON SCHEMA ${schema} TO ${name}`)
    const rights = [
      ...whole.filter((right) => WHOLE_RIGHTS.has(right)),
      ...(update.length > 0 ? [`UPDATE (${columns(update)})`] : []),
      ...(select.length > 0 ? [`SELECT (${columns(select)})`] : []),
    ]
    if (rights.length > 0) await client.query(`GRANT ${rights.join(', ')} ON ${relation} TO ${name}`)
    if (whole.includes('INSERT')) await grantItsSequences(client, relation, name)
    did.push(`${role}: ${rights.join(', ')} on ${relation}`)
  }
  if (grants.length === 0)
    did.push(`${role}: no table, since no action of the runbooks changes one through this connection`)
}

/** A serial column takes its number from a sequence, which has rights of its own. */
async function grantItsSequences(client: pg.Client, relation: string, name: string): Promise<void> {
  const found = await client.query<{ sequence: string }>(
    `SELECT format('%I.%I', nspname, relname) AS sequence
       FROM pg_depend d JOIN pg_class c ON c.oid = d.objid JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = $1::regclass
        AND d.deptype = 'a' AND relkind = 'S'`,
    [relation],
  )
  for (const { sequence } of found.rows) await client.query(`GRANT USAGE ON SEQUENCE ${sequence} TO ${name}`)
}

/** A function that runs with its owner's rights is a door around the role's own. */
async function warnOfDefiners({ client, warnings }: Preparation, role: string): Promise<void> {
  const found = await client.query<{ signature: string }>(
    `SELECT p.oid::regprocedure::text AS signature FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
      WHERE p.prosecdef AND nspname NOT IN ('pg_catalog', 'information_schema') AND nspname NOT LIKE 'pg\\_%'
        AND has_schema_privilege($1, n.oid, 'USAGE') AND has_function_privilege($1, p.oid, 'EXECUTE') ORDER BY 1 LIMIT 10`,
    [role],
  )
  const names = found.rows.map((row) => row.signature).join(', ')
  if (names)
    warnings.push(
      `${role} may call functions that run with their owner's rights: ${names}. REVOKE EXECUTE … FROM PUBLIC where they write.`,
    )
}

/** Keeps the password in use while it works; otherwise sets a new one. */
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
      `the new role ${role} cannot log in: look at pg_hba.conf and the server's log`,
    )
  env[wanted.variable] = url.href
  did.push(`${role}: new password, for ${wanted.variable}`)
}

async function worksFor(url: string, role: string, database: string): Promise<boolean> {
  if (!URL.canParse(url) || new URL(url).username !== role || new URL(url).pathname !== database) return false
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
