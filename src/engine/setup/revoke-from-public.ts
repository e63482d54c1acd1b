import type pg from 'pg'
import { messageOf } from '../../core/errors.ts'

interface PublicRight {
  /** The name of the right in messages. */
  what: string
  /** SQL that returns whether the role `$1` has the right; null if the server does not know the object. */
  isHeld: string
  /** The statements `REVOKE <right> FROM PUBLIC` and `GRANT <right> TO …`. */
  right: string
}

/**
 * A right that the engine's roles have only because PUBLIC has it, and the other roles of the database. Before the right is taken from PUBLIC, it is granted to each of these roles.
 */
export interface HeldByPublic {
  what: string
  right: string
  others: string[]
}

/**
 * Every role has the rights of PUBLIC, and some of these rights allow writing: temporary tables, large objects, messages in the write-ahead
 * log, and on old servers tables in `public`. Returns the rights of this kind that the given roles have.
 */
export async function heldByPublic(client: pg.Client, roles: string[]): Promise<HeldByPublic[]> {
  const database = await queryValue(client, 'SELECT quote_ident(current_database()) AS value')
  const found: HeldByPublic[] = []
  for (const { what, isHeld, right } of await writeRights(client, database)) {
    const held = await Promise.all(
      roles.map(async (role) => (await queryValue(client, `SELECT (${isHeld})::text AS value`, [role])) === 'true'),
    )
    if (held.includes(true)) found.push({ what, right, others: await rolesInDatabase(client, roles) })
  }
  return found
}

/**
 * Revokes rights from PUBLIC in this database and grants them to each role that owns or was granted anything in it, so that existing users
 * keep them. A right that the administrator may not revoke becomes a warning.
 */
export async function revokeFromPublic(
  to: { client: pg.Client; did: string[]; warnings: string[] },
  rights: HeldByPublic[],
): Promise<void> {
  const { client, did, warnings } = to
  for (const { what, right, others } of rights) {
    try {
      await client.query('BEGIN')
      if (others.length > 0) await client.query(`GRANT ${right} TO ${others.join(', ')}`)
      await client.query(`REVOKE ${right} FROM PUBLIC`)
      await client.query('COMMIT')
      did.push(`${revocation({ what, right, others })}. To take it back: GRANT ${right} TO PUBLIC`)
    } catch (error) {
      await client.query('ROLLBACK')
      warnings.push(`${what}: PUBLIC has this right, and it could not be revoked: ${messageOf(error)}`)
    }
  }
}

/** Describes in words a right that is revoked from PUBLIC. The same text asks the administrator before the change and reports it afterwards. */
export function revocation({ what, right, others }: HeldByPublic): string {
  const kept = others.length > 0 ? `, granted to ${others.join(', ')}` : ''
  return `${what}: revoked from PUBLIC${kept} (${right})`
}

async function writeRights(client: pg.Client, database: string): Promise<PublicRight[]> {
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
      isHeld: "has_database_privilege($1, current_database(), 'TEMP')",
      right: `TEMP ON DATABASE ${database}`,
    },
    ...schemas.rows.map(({ schema }) => ({
      what: `new tables in schema ${schema}`,
      isHeld: `has_schema_privilege($1, ${client.escapeLiteral(schema)}::regnamespace, 'CREATE')`,
      right: `CREATE ON SCHEMA ${schema}`,
    })),
    ...functions.rows.map(({ signature }) => ({
      what: `function ${signature}`,
      isHeld: `has_function_privilege($1, ${client.escapeLiteral(signature)}::regprocedure, 'EXECUTE')`,
      right: `EXECUTE ON FUNCTION ${signature}`,
    })),
  ]
}

/** Quoted names of the roles that own or were granted anything in this database, except superusers and the engine's own roles. */
async function rolesInDatabase(client: pg.Client, own: string[]): Promise<string[]> {
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

async function queryValue(client: pg.Client, sql: string, values: string[] = []): Promise<string> {
  const found = await client.query<{ value: string }>(sql, values)
  return found.rows[0]!.value
}
