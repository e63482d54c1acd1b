import type { ClientBase } from 'pg'

/**
 * Says which tables the current role may not read, by schema; undefined if it may read all. Tables of extensions and the engine's own ledger
 * do not count.
 */
export async function hiddenTables(client: Pick<ClientBase, 'query'>): Promise<string | undefined> {
  const { rows } = await client.query<{ schema: string; tables: number }>(
    `SELECT n.nspname AS schema, count(*)::int AS tables
       FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
        AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'runbook_ledger') AND n.nspname NOT LIKE 'pg\\_%'
        AND NOT (has_schema_privilege(n.oid, 'USAGE') AND has_any_column_privilege(c.oid, 'SELECT'))
        AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
      GROUP BY n.nspname ORDER BY n.nspname LIMIT 10`,
  )
  if (rows.length === 0) return undefined
  return rows
    .map(({ schema, tables }) => `${tables} ${tables === 1 ? 'table' : 'tables'} of schema ${schema}`)
    .join(', ')
}
