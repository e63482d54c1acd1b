import type { ClientBase } from 'pg'

/** A column of a table, with its type as the server writes it in a cast. */
export interface Column {
  name: string
  /** The type with its length or precision: `numeric(10,2)`. */
  type: string
  /** The type without its length and precision: `numeric`. */
  unlimited: string
  /** Whether the column holds a date or a time, whose text may depend on the session's time zone. */
  isTime: boolean
  notNull: boolean
}

/** The columns with these names, in this order. `table` is a name as in a statement, such as `"public"."runs"`. Unknown names are left out. */
export async function columnsOf(
  client: Pick<ClientBase, 'query'>,
  table: string,
  names: readonly string[],
): Promise<Column[]> {
  const { rows } = await client.query<Column>(
    `SELECT a.attname AS name, pg_catalog.format_type(a.atttypid, a.atttypmod) AS type,
            pg_catalog.format_type(a.atttypid, -1) AS unlimited, a.attnotnull AS "notNull",
            COALESCE(element.typcategory, t.typcategory) = 'D' AS "isTime"
       FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
       LEFT JOIN pg_catalog.pg_type element ON element.oid = t.typelem AND t.typcategory = 'A'
      WHERE a.attrelid = pg_catalog.to_regclass($1) AND a.attname = ANY($2) AND a.attnum > 0 AND NOT a.attisdropped`,
    [table, names],
  )
  return names.flatMap((name) => rows.filter((row) => row.name === name))
}

/** Whether a value, such as `now`, means the time at which the statement runs. Such a time is known only afterwards. */
export function isMovingTime(value: unknown): boolean {
  return typeof value === 'string' && /^\s*(now|today|tomorrow|yesterday)\b/i.test(value)
}
