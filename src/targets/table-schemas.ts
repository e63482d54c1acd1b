import type { ClientBase } from 'pg'

/**
 * By name of a table without a schema, the schema in which this login finds it: two logins with different settings of
 * `search_path` find different tables. Names that contain a schema, and tables that are not found, are left out.
 */
export async function schemasOf(
  client: Pick<ClientBase, 'query'>,
  tables: readonly string[],
): Promise<Record<string, string>> {
  const names = [...new Set(tables)].filter((table) => !table.includes('.'))
  if (names.length === 0) return {}
  const { rows } = await client.query<{ name: string; schema: string }>(
    `SELECT name, n.nspname AS schema
       FROM unnest($1::text[]) AS name
       JOIN pg_catalog.pg_class c ON c.oid = pg_catalog.to_regclass(pg_catalog.quote_ident(name))
       JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace`,
    [names],
  )
  return Object.fromEntries(rows.map(({ name, schema }) => [name, schema]))
}

/** Says which tables this login finds in other schemas than those that the gate showed; undefined if there are none. */
export async function otherTables(
  client: Pick<ClientBase, 'query'>,
  shown: Readonly<Record<string, string>> = {},
): Promise<string | undefined> {
  const found = await schemasOf(client, Object.keys(shown))
  const differing = Object.entries(shown).filter(([table, schema]) => found[table] !== schema)
  if (differing.length === 0) return undefined
  const names = differing.map(
    ([table, schema]) => `${schema}.${table} was shown, and the write login finds ${nameOf(found[table], table)}`,
  )
  return `the two logins have different search_paths: ${names.join('; ')}. Write the schema in the runbook`
}

function nameOf(schema: string | undefined, table: string): string {
  return schema === undefined ? `no table ${table}` : `${schema}.${table}`
}
