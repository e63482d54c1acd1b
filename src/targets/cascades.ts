import type { ClientBase } from 'pg'

/** What a statement does to one table, as far as foreign keys may react to it. */
export interface KeyChange {
  table: string
  deletes: boolean
  /** The columns that get other values. */
  columns: string[]
}

/** At most this many tables are named. */
const MAX_TABLES = 10

/**
 * What foreign keys make PostgreSQL change beyond the rows of the statement, such as `deletes rows of shop.items`; undefined if nothing.
 * PostgreSQL does not count these rows. A delete reaches the tables with ON DELETE CASCADE, SET NULL or SET DEFAULT; a new key reaches
 * those with the same rules ON UPDATE; and what they change reaches further tables.
 */
export async function cascadesOf(
  client: Pick<ClientBase, 'query'>,
  changes: readonly KeyChange[],
): Promise<string | undefined> {
  if (changes.every(({ deletes, columns }) => !deletes && columns.length === 0)) return undefined
  const { rows } = await client.query<{ name: string; deleted: boolean }>(REACHED, [
    JSON.stringify(changes.map(({ table, ...rest }) => ({ ...rest, table: quotedTable(table) }))),
  ])
  const named = (deleted: boolean) => rows.filter((row) => row.deleted === deleted).map(({ name }) => name)
  const gone = named(true)
  const changed = named(false).filter((name) => !gone.includes(name))
  const parts = [
    ...(gone.length > 0 ? [`deletes rows of ${list(gone)}`] : []),
    ...(changed.length > 0 ? [`changes rows of ${list(changed)}`] : []),
  ]
  return parts.length > 0 ? parts.join(' and ') : undefined
}

const REACHED = `
  WITH RECURSIVE given AS (
    SELECT pg_catalog.to_regclass(one->>'table')::oid AS rel, (one->>'deletes')::boolean AS deletes, one->'columns' AS names
      FROM pg_catalog.jsonb_array_elements($1::jsonb) AS one
  ), reached(rel, deletes, columns, given) AS (
    SELECT rel, true, NULL::int2[], true FROM given WHERE deletes
    UNION ALL
    SELECT g.rel, false, (SELECT array_agg(a.attnum) FROM pg_catalog.pg_attribute a WHERE a.attrelid = g.rel AND g.names ? a.attname), true
      FROM given g
    UNION
    SELECT c.conrelid, r.deletes AND c.confdeltype = 'c', c.conkey, false
      FROM reached r JOIN pg_catalog.pg_constraint c ON c.contype = 'f' AND c.confrelid = r.rel
     WHERE CASE WHEN r.deletes THEN c.confdeltype IN ('c', 'n', 'd')
                ELSE c.confupdtype IN ('c', 'n', 'd') AND c.confkey && r.columns END
  )
  SELECT DISTINCT rel::regclass::text AS name, deletes AS deleted FROM reached WHERE NOT given ORDER BY 1`

/** A table or `schema.table` as configured, with each part in quotes, so that PostgreSQL does not change its case. */
export function quotedTable(table: string): string {
  return table
    .split('.')
    .map((part) => `"${part.replaceAll('"', '""')}"`)
    .join('.')
}

function list(names: string[]): string {
  const more = names.length - MAX_TABLES
  return names.slice(0, MAX_TABLES).join(', ') + (more > 0 ? ` and ${more} more tables` : '')
}
