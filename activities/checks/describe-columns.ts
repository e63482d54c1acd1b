import type { FieldDef, PoolClient } from 'pg'
import { messageOf } from '../../src/core/errors.ts'
import { isJsonObject, type JsonObject } from '../../src/core/json.ts'
import type { Type } from '../../src/core/plan.ts'
import { columnType } from '../../src/language/kinds/sql-query.ts'
import { beginReadOnly, withPostgres } from '../../src/targets/open-postgres.ts'
import type { Targets } from '../../src/targets/targets.ts'

const STATEMENT_TIMEOUT_MS = 5_000

/** A declared column that differs from the server's description. */
export interface ColumnFinding {
  column: string
  message: string
}

interface ServerType {
  oid: number
  name: string
  /** The categories of PostgreSQL types: `N` numbers, `B` booleans, `S` strings, `A` arrays. */
  category: string
}

/**
 * Compares the declared columns of a `sql.query` with the server's description of its statement, without fetching a row. Returns the
 * differences, or the reason why the statement could not be described. `parameters` are the check's literal `connection`, `sql` and
 * `columns`. Throws if the server does not answer.
 */
export async function describeColumns(parameters: JsonObject, targets: Targets): Promise<ColumnFinding[]> {
  const { connection, sql, columns } = parameters
  if (typeof connection !== 'string' || typeof sql !== 'string' || !isJsonObject(columns)) return []
  return withPostgres(await targets.postgres(connection, 'read'), async (client) => {
    // No row is read here, so row-level security cannot hide one.
    await client.query([...beginReadOnly(STATEMENT_TIMEOUT_MS), 'SET LOCAL row_security = on'].join('; '))
    const fields = await describe(client, sql)
    const findings = 'why' in fields ? [{ column: '*', message: fields.why }] : await compare(client, fields, columns)
    await client.query('ROLLBACK')
    return findings
  })
}

async function describe(client: PoolClient, sql: string): Promise<FieldDef[] | { why: string }> {
  const count = Math.max(0, ...[...sql.matchAll(/\$(\d{1,3})/g)].map((match) => Number(match[1])))
  const statement = sql.replace(/;\s*$/, '')
  try {
    await client.query('SAVEPOINT described')
    // oxlint-disable-next-line runbook/sql-text -- the runbook's own statement
    const text = `SELECT * FROM (\n${statement}\n) AS described LIMIT 0`
    return (await client.query({ text, values: Array.from({ length: count }, () => null) })).fields
  } catch (error) {
    await client.query('ROLLBACK TO SAVEPOINT described')
    return { why: `the server could not describe the statement: ${messageOf(error)}` }
  }
}

async function compare(client: PoolClient, fields: FieldDef[], columns: JsonObject): Promise<ColumnFinding[]> {
  const [types, nullable] = [await typesOf(client, fields), await nullableColumns(client, fields)]
  return Object.entries(columns).flatMap(([column, text]): ColumnFinding[] => {
    const declared = columnType(text)
    const found = fields.filter((field) => field.name === column)
    const [field] = found
    if (declared === undefined) return []
    if (!field || found.length > 1) {
      const has = fields.map(({ name }) => name).join(', ')
      return [
        {
          column,
          message: field ? 'the statement returns this column more than once' : `the statement returns only ${has}`,
        },
      ]
    }
    const type = types.get(field.dataTypeID)
    if (type && !fits(declared, type))
      return [{ column, message: `declared as ${String(text)}, but it is ${type.name}` }]
    if (mayNotBeNull(declared) && nullable.has(`${field.tableID}.${field.columnID}`))
      return [{ column, message: `declared as ${String(text)}, but the column may be NULL: declare ${String(text)}?` }]
    return []
  })
}

async function typesOf(client: PoolClient, fields: FieldDef[]): Promise<Map<number, ServerType>> {
  const found = await client.query<ServerType>(
    'SELECT oid::int AS oid, format_type(oid, NULL) AS name, typcategory::text AS category FROM pg_type WHERE oid = ANY($1)',
    [fields.map((field) => field.dataTypeID)],
  )
  return new Map(found.rows.map((type) => [type.oid, type]))
}

/** Finds the table columns that may be NULL. Columns that only an outer join makes NULL are not found. */
async function nullableColumns(client: PoolClient, fields: FieldDef[]): Promise<Set<string>> {
  const found = await client.query<{ id: string }>(
    "SELECT attrelid || '.' || attnum AS id FROM pg_attribute WHERE attrelid = ANY($1) AND attnum > 0 AND NOT attnotnull",
    [fields.map((field) => field.tableID).filter((table) => table > 0)],
  )
  return new Set(found.rows.map(({ id }) => id))
}

const INTEGERS = ['smallint', 'integer', 'bigint', 'oid']

function fits(declared: Type, { name, category }: ServerType): boolean {
  if (typeof declared === 'object' && 'nullable' in declared) return fits(declared.nullable, { oid: 0, name, category })
  if (typeof declared === 'object') return category === 'A' || name === 'json' || name === 'jsonb'
  switch (declared) {
    case 'int':
      return INTEGERS.includes(name)
    case 'double':
      return category === 'N'
    case 'bool':
      return category === 'B'
    case 'duration':
      return category === 'S' || name === 'unknown'
    default:
      return true
  }
}

function mayNotBeNull(declared: Type): boolean {
  return declared !== 'dyn' && !(typeof declared === 'object' && 'nullable' in declared)
}
