import type { ClientBase } from 'pg'
import type { ColumnGrant } from '../core/needed-grants.ts'
import { tableList, tableOfPolicyError, type SecuredTable } from './row-security.ts'

/** A write with the facts that row-level security depends on: its statement, and the rights on tables that it needs. */
export interface SecuredWrite {
  update: { text: string; values: unknown[] }
  needs: ColumnGrant[]
}

interface HidingTable extends Pick<SecuredTable, 'schema' | 'name'> {
  /** Whether no policy applies to this role, so that it neither sees nor writes any row. */
  hidesAll: boolean
}

/**
 * How row-level security affects a write of this session's role, as a text for messages. Empty if it does not. `isCertain` is false if a
 * policy decides by the row. Without a policy, an UPDATE or DELETE changes no rows and reports no error.
 */
export async function hiddenFromWrite(
  client: Pick<ClientBase, 'query'>,
  write?: SecuredWrite,
): Promise<{ text: string; isCertain: boolean }> {
  const applies = write === undefined ? undefined : await securedTable(client, write)
  if (applies === 'none') return { text: '', isCertain: true }
  const hiding = await hidingTables(client, write?.needs)
  const isCertain = hiding.some(({ hidesAll }) => hidesAll)
  const named = hiding.length > 0 ? tableList(hiding) : viaView(applies, write)
  if (named === undefined) return { text: '', isCertain: true }
  const does = isCertain ? 'hides rows of' : 'may hide rows of'
  return {
    text: `row-level security ${does} ${named} from the write login, or refuses what it writes: create a policy FOR ALL TO its role USING (true)`,
    isCertain,
  }
}

/** The table that PostgreSQL named. If the write does not name this table itself, it writes to it through a view. */
function viaView(table: string | undefined, write: SecuredWrite | undefined): string | undefined {
  const isNamed = write?.needs.some((need) => need.table.split('.').at(-1) === table)
  return table === undefined || isNamed ? undefined : table
}

/**
 * The first table whose row-level security applies to the statement, or `none`; undefined if that is unknown. With `row_security` off,
 * PostgreSQL refuses to plan a statement to which row-level security applies.
 */
async function securedTable(client: Pick<ClientBase, 'query'>, { update }: SecuredWrite): Promise<string | undefined> {
  try {
    await client.query('SAVEPOINT secured; SET LOCAL row_security = off')
    // oxlint-disable-next-line runbook/sql-text -- the statement of an action, as it is applied
    await client.query(`EXPLAIN ${update.text}`, update.values)
    return 'none'
  } catch (error) {
    return tableOfPolicyError(error)
  } finally {
    await client.query('ROLLBACK TO SAVEPOINT secured')
  }
}

/**
 * The tables whose policies do not allow every row to this role, for the needed rights; without `needs`, for the write rights that the role
 * has. UPDATE and DELETE with a condition see only the rows that the policies for SELECT show too.
 */
async function hidingTables(client: Pick<ClientBase, 'query'>, needs?: ColumnGrant[]): Promise<HidingTable[]> {
  const wanted = needs?.flatMap(({ table, update, select, whole = [] }) =>
    [...whole, ...(update.length > 0 ? ['UPDATE'] : []), ...(select.length > 0 ? ['SELECT'] : [])].map((right) => ({
      schema: table.includes('.') ? table.slice(0, table.indexOf('.')) : null,
      name: table.slice(table.indexOf('.') + 1),
      right,
    })),
  )
  const { rows } = await client.query<HidingTable>(
    `SELECT n.nspname AS schema, c.relname AS name, bool_or(NOT policies.any) AS "hidesAll"
       FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
       CROSS JOIN (VALUES ('SELECT', 'r', false), ('UPDATE', 'r', false), ('UPDATE', 'w', false), ('UPDATE', 'w', true),
                          ('DELETE', 'r', false), ('DELETE', 'd', false), ('INSERT', 'a', true)) AS need("right", command, is_check)
       CROSS JOIN LATERAL (
         SELECT COALESCE(bool_or(p.polpermissive), false) AS any,
                COALESCE(bool_or(p.polpermissive AND shown = 'true'), false)
                  AND NOT COALESCE(bool_or(NOT p.polpermissive AND shown <> 'true'), false) AS "all"
           FROM pg_policy p,
                LATERAL (SELECT pg_get_expr(CASE WHEN need.is_check THEN COALESCE(p.polwithcheck, p.polqual) ELSE p.polqual END, p.polrelid) AS shown) AS e
          WHERE p.polrelid = c.oid AND p.polcmd::text IN (need.command, '*')
            AND EXISTS (SELECT FROM unnest(p.polroles) r WHERE r = 0 OR pg_has_role(current_user, r, 'USAGE'))) AS policies
      WHERE c.relrowsecurity AND row_security_active(c.oid) AND NOT policies."all"
        AND CASE WHEN $1::text[] IS NULL THEN need."right" <> 'SELECT'
                   AND CASE need."right" WHEN 'DELETE' THEN has_table_privilege(c.oid, 'DELETE') ELSE has_any_column_privilege(c.oid, need."right") END
                 ELSE EXISTS (SELECT FROM unnest($1::text[], $2::text[], $3::text[]) AS w("schema", name, "right")
                               WHERE w.name = c.relname AND w."right" = need."right"
                                 AND CASE WHEN w."schema" IS NULL THEN n.nspname = ANY (current_schemas(true)) ELSE n.nspname = w."schema" END) END
      GROUP BY 1, 2 ORDER BY 1, 2`,
    [
      wanted?.map(({ schema }) => schema) ?? null,
      wanted?.map(({ name }) => name) ?? null,
      wanted?.map(({ right }) => right) ?? null,
    ],
  )
  return rows
}
