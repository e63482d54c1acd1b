import type { ClientBase } from 'pg'
import { quotedTable } from './cascades.ts'

/**
 * What a person must know about the tables that a statement changes: tables of another server, with which no common transaction exists, and
 * rules (CREATE RULE), which can change further tables. Empty for ordinary tables. Partitions count too.
 */
export async function tableWarnings(client: Pick<ClientBase, 'query'>, tables: readonly string[]): Promise<string[]> {
  const { rows } = await client.query<{ name: string; isForeign: boolean; hasRules: boolean }>(CHANGED, [
    tables.map(quotedTable),
  ])
  const named = (which: 'isForeign' | 'hasRules') => rows.filter((row) => row[which]).map(({ name }) => name)
  const foreign = named('isForeign')
  const ruled = named('hasRules')
  return [
    ...(foreign.length > 0
      ? [
          `the rows of ${foreign.join(', ')} are on another server, which commits on its own: after a crash the change can be applied a second time if the rows still match`,
        ]
      : []),
    ...(ruled.length > 0
      ? [
          `PostgreSQL rules of ${ruled.join(', ')} may change other rows: these rows are not shown, and the undo may not restore them`,
        ]
      : []),
  ]
}

/** In pg_rewrite, the types 2, 3 and 4 are rules ON UPDATE, INSERT and DELETE; the type 1 is the query of a view. */
const CHANGED = `
  SELECT c.oid::regclass::text AS name, c.relkind = 'f' AS "isForeign",
         EXISTS (SELECT FROM pg_catalog.pg_rewrite w WHERE w.ev_class = c.oid AND w.ev_type IN ('2', '3', '4')) AS "hasRules"
    FROM pg_catalog.pg_class c
   WHERE c.oid IN (
     SELECT p.relid FROM pg_catalog.unnest($1::text[]) AS t (name),
       LATERAL pg_catalog.pg_partition_tree(pg_catalog.to_regclass(t.name)) AS p
     UNION SELECT pg_catalog.to_regclass(t.name) FROM pg_catalog.unnest($1::text[]) AS t (name))
   ORDER BY 1`
