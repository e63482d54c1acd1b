import type { ClientBase, PoolClient } from 'pg'
import { RunbookError } from '../core/errors.ts'
import { beginReadOnly } from './open-postgres.ts'

/** A table with row-level security, as the current role sees it. */
export interface SecuredTable {
  schema: string
  name: string
  /** Whether a policy shows this role every row and no other policy hides any. */
  showsAll: boolean
}

/**
 * The tables whose row-level security applies to the role of this session. Without a policy for the role, PostgreSQL answers a SELECT
 * with no rows and no error.
 */
export async function securedTables(client: Pick<ClientBase, 'query'>): Promise<SecuredTable[]> {
  const { rows } = await client.query<SecuredTable>(
    `SELECT n.nspname AS schema, c.relname AS name,
            COALESCE(bool_or(p.polpermissive AND pg_get_expr(p.polqual, p.polrelid) = 'true'), false)
              AND NOT COALESCE(bool_or(NOT p.polpermissive AND pg_get_expr(p.polqual, p.polrelid) <> 'true'), false) AS "showsAll"
       FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
       LEFT JOIN pg_policy p ON p.polrelid = c.oid AND p.polcmd IN ('r', '*')
         AND EXISTS (SELECT FROM unnest(p.polroles) r WHERE r = 0 OR pg_has_role(current_user, r, 'USAGE'))
      WHERE c.relrowsecurity AND has_table_privilege(c.oid, 'SELECT') AND row_security_active(c.oid)
      GROUP BY 1, 2 ORDER BY 1, 2`,
  )
  return rows
}

/** The table that PostgreSQL names when `row_security` is off and a policy would filter the statement. */
export function tableOfPolicyError(error: unknown): string | undefined {
  const { code, routine, message } = error as { code?: unknown; routine?: unknown; message?: unknown }
  // The name of PostgreSQL's routine is compared, because the message may be in any language.
  if (code !== '42501' || routine !== 'check_enable_rls') return undefined
  return /["„«“](.+)["“»”]/.exec(String(message))?.[1] ?? 'unknown'
}

/**
 * The table because of which the result of the statement may lack rows; undefined if the role sees every row of the tables with row-level
 * security that the statement names. `table` is the table that PostgreSQL named.
 */
function hiddenTable(sql: string, table: string, secured: SecuredTable[]): string | undefined {
  const named = secured.filter(({ name }) => name === table)
  // PostgreSQL names only the first table. A table that is not in the list is read with the rights of the owner of a
  // view or function.
  if (named.length === 0 || named.some(({ showsAll }) => !showsAll)) return table
  const text = sql.toLowerCase()
  const other = secured.find(({ name, showsAll }) => !showsAll && text.includes(name.toLowerCase()))
  return other?.name
}

/** The tables as text for messages, such as `public.runs, public.jobs and 3 more`. */
export function tableList(tables: Pick<SecuredTable, 'schema' | 'name'>[]): string {
  const names = tables.slice(0, 10).map(({ schema, name }) => `${schema}.${name}`)
  return names.join(', ') + (tables.length > 10 ? ` and ${tables.length - 10} more` : '')
}

/** A text for messages that says why the result is not complete, and what to do. */
function hiddenRows(table: string): string {
  return `row-level security of table ${table} hides rows from this role, so an answer would be incomplete: create a policy FOR SELECT TO the role USING (true)`
}

/**
 * Runs `read` with the statements that begin its transaction. Throws RunbookError `RUNBOOK_CHECK_FAILED` if row-level
 * security would hide rows of the statement `sql` from this role, because a result with fewer rows would look complete.
 */
export async function readEveryRow<T>(
  client: PoolClient,
  { connection, sql, timeoutMs }: { connection: string; sql: string; timeoutMs: number },
  read: (begin: string[]) => Promise<T>,
): Promise<T> {
  const begin = beginReadOnly(timeoutMs)
  try {
    return await read(begin)
  } catch (error) {
    const table = tableOfPolicyError(error)
    if (table === undefined) throw error
    await client.query('ROLLBACK')
    const hidden = hiddenTable(sql, table, await securedTables(client))
    if (hidden !== undefined)
      throw new RunbookError('RUNBOOK_CHECK_FAILED', `connection ${connection}: ${hiddenRows(hidden)}`, {}, error)
    return read([...begin, 'SET LOCAL row_security = on'])
  }
}
