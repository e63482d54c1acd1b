import type pg from 'pg'
import { hiddenTables } from '../../targets/hidden-tables.ts'
import { hiddenFromWrite } from '../../targets/row-security-writes.ts'
import { securedTables, tableList } from '../../targets/row-security.ts'

/** Warnings about the prepared roles: row-level security hides rows from them, or functions give them rights that nobody granted. */
export async function postgresWarnings(client: pg.Client, diagnose: string, remediate?: string): Promise<string[]> {
  const found = [
    await definers(client, diagnose),
    await asRole(client, diagnose, () => hiddenRows(client, diagnose)),
    await asRole(client, diagnose, () => unreadTables(client, diagnose)),
  ]
  if (remediate)
    found.push(
      await asRole(client, remediate, async () => {
        const { text, isCertain } = await hiddenFromWrite(client)
        return text === ''
          ? undefined
          : `${text} (${remediate}): actions on them ${isCertain ? 'are' : 'may be'} refused`
      }),
    )
  return found.filter((warning) => warning !== undefined)
}

async function asRole<T>(client: pg.Client, role: string, read: () => Promise<T>): Promise<T> {
  await client.query(`BEGIN; SET LOCAL ROLE ${client.escapeIdentifier(role)}`)
  try {
    return await read()
  } finally {
    await client.query('ROLLBACK')
  }
}

/**
 * A warning about functions that the role may call and that run with the rights of their owner, so that the rights of the role do not limit
 * them.
 */
async function definers(client: pg.Client, role: string): Promise<string | undefined> {
  const found = await client.query<{ signature: string }>(
    `SELECT p.oid::regprocedure::text AS signature FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
      WHERE p.prosecdef AND nspname NOT IN ('pg_catalog', 'information_schema') AND nspname NOT LIKE 'pg\\_%'
        AND has_schema_privilege($1, n.oid, 'USAGE') AND has_function_privilege($1, p.oid, 'EXECUTE') ORDER BY 1 LIMIT 10`,
    [role],
  )
  const names = found.rows.map((row) => row.signature).join(', ')
  if (names === '') return undefined
  return `${role} may call functions that run with their owner's rights: ${names}. Run REVOKE EXECUTE … FROM PUBLIC for those that write.`
}

/** A warning about tables of schemas that were not given, and of tables that were created later by another role. */
async function unreadTables(client: pg.Client, role: string): Promise<string | undefined> {
  const unread = await hiddenTables(client)
  if (unread === undefined) return undefined
  return `${role} may not read ${unread}: checks of them fail. If runbooks need them, run this command again with one --schema for each schema.`
}

/**
 * A warning about tables in which row-level security hides rows from the read role. PostgreSQL would return fewer rows
 * and no error.
 */
async function hiddenRows(client: pg.Client, role: string): Promise<string | undefined> {
  const hidden = (await securedTables(client)).filter(({ showsAll }) => !showsAll)
  if (hidden.length === 0) return undefined
  return `row-level security hides rows of ${tableList(hidden)} from ${role}: checks of these tables fail until a policy shows it all rows: CREATE POLICY runbook ON <table> FOR SELECT TO ${role} USING (true).`
}
