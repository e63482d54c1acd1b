import type pg from 'pg'
import { scrubSecrets } from '../../config/secret.ts'
import { messageOf, RunbookError } from '../../core/errors.ts'
import type { ColumnGrant } from '../../core/needed-grants.ts'
import type { PreparedConnection } from './prepared-connection.ts'

export interface Preparation extends PreparedConnection {
  client: pg.Client
  adminUrl: URL
  schemas: string[]
}

/** Creates the role, or resets the rights of an existing one. Throws if the role has rights that no runbook role may have. */
export async function makeRole({ client, did }: Preparation, role: string, connections: number): Promise<void> {
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

/** Grants SELECT on the schemas' tables, and makes the role's transactions read-only. */
export async function grantReading(p: Preparation, role: string): Promise<void> {
  const { client, did, schemas } = p
  const name = client.escapeIdentifier(role)
  const hasMonitor = await attempt(
    p,
    `GRANT pg_monitor TO ${name}`,
    `${role} is not a member of pg_monitor: checks cannot see statements and locks of other users`,
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
 * Tries a statement that the administrator of a hosted server may not be allowed to run. A failure becomes a warning, because the
 * connection can be used without the statement.
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

/** Grants the rights on columns and tables that the runbooks' actions need. */
export async function grantWriting({ client, did }: Preparation, role: string, grants: ColumnGrant[]): Promise<void> {
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

/** Inserting into a table with a serial column needs a right on the sequence of that column. */
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

async function databaseName(client: pg.Client): Promise<string> {
  const found = await client.query<{ name: string }>('SELECT quote_ident(current_database()) AS name')
  return found.rows[0]!.name
}
