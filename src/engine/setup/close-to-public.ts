import type pg from 'pg'
import { messageOf } from '../../core/errors.ts'

interface Door {
  /** For people. */
  what: string
  /** Whether the role has it: `$1` is the role. Null where the server does not know the thing. */
  open: string
  /** `REVOKE <right> FROM PUBLIC`, `GRANT <right> TO …` */
  right: string
}

/**
 * Every role has what PUBLIC has, and among that are ways to write: temporary tables, large objects, messages in the write-ahead log, on
 * old servers tables in `public`. They are taken from PUBLIC in this database and given to each role that owns or was granted anything in
 * it, so that nobody who works here loses them. What the administrator may not change becomes a warning.
 */
export async function closeToPublic(
  to: { client: pg.Client; did: string[]; warnings: string[] },
  roles: string[],
): Promise<void> {
  const { client, did, warnings } = to
  const database = await one(client, 'SELECT quote_ident(current_database()) AS value')
  for (const door of await doors(client, database)) {
    const open = await Promise.all(
      roles.map(async (role) => (await one(client, `SELECT (${door.open})::text AS value`, [role])) === 'true'),
    )
    if (!open.includes(true)) continue
    const others = await rolesOfThisDatabase(client, roles)
    try {
      await client.query('BEGIN')
      if (others.length > 0) await client.query(`GRANT ${door.right} TO ${others.join(', ')}`)
      await client.query(`REVOKE ${door.right} FROM PUBLIC`)
      await client.query('COMMIT')
      did.push(
        `${door.what}: taken from PUBLIC in database ${database}${others.length > 0 ? `, kept for ${others.join(', ')}` : ''}`,
      )
    } catch (error) {
      await client.query('ROLLBACK')
      warnings.push(`${door.what}: open to every role, and could not be closed: ${messageOf(error)}`)
    }
  }
}

async function doors(client: pg.Client, database: string): Promise<Door[]> {
  const functions = await client.query<{ signature: string; name: string }>(
    `SELECT p.oid::regprocedure::text AS signature, proname AS name FROM pg_proc p
      WHERE pronamespace = 'pg_catalog'::regnamespace
        AND proname IN ('lo_creat', 'lo_create', 'lo_from_bytea', 'pg_logical_emit_message') ORDER BY 1`,
  )
  const schemas = await client.query<{ schema: string }>(
    `SELECT quote_ident(nspname) AS schema FROM pg_namespace WHERE nspname NOT LIKE 'pg\\_%' AND nspname <> 'information_schema'`,
  )
  return [
    {
      what: 'temporary tables',
      open: "has_database_privilege($1, current_database(), 'TEMP')",
      right: `TEMP ON DATABASE ${database}`,
    },
    ...schemas.rows.map(({ schema }) => ({
      what: `new tables in schema ${schema}`,
      open: `has_schema_privilege($1, ${client.escapeLiteral(schema)}::regnamespace, 'CREATE')`,
      right: `CREATE ON SCHEMA ${schema}`,
    })),
    ...functions.rows.map(({ signature }) => ({
      what: `function ${signature}`,
      open: `has_function_privilege($1, ${client.escapeLiteral(signature)}::regprocedure, 'EXECUTE')`,
      right: `EXECUTE ON FUNCTION ${signature}`,
    })),
  ]
}

/** Who owns or was granted anything in this database, superusers and our own roles left out; quoted. */
async function rolesOfThisDatabase(client: pg.Client, own: string[]): Promise<string[]> {
  const found = await client.query<{ role: string }>(
    `SELECT DISTINCT quote_ident(rolname) AS role
       FROM pg_shdepend s JOIN pg_roles r ON r.oid = s.refobjid JOIN pg_database b ON b.datname = current_database()
      WHERE s.refclassid = 'pg_authid'::regclass AND NOT rolsuper AND rolname <> ALL ($1)
        AND (s.dbid = b.oid OR (s.classid = 'pg_database'::regclass AND s.objid = b.oid))
        AND rolname !~ '^runbook_.*_(diagnose|remediate)$' ORDER BY 1`,
    [own],
  )
  return found.rows.map((row) => row.role)
}

async function one(client: pg.Client, sql: string, values: string[] = []): Promise<string> {
  const found = await client.query<{ value: string }>(sql, values)
  return found.rows[0]!.value
}
