import type { Connection, PoolClient, Submittable } from 'pg'

/** A statement and its values, as the extended protocol sends them. */
interface Statement {
  text: string
  values: unknown[]
}

/**
 * The statement with each list in the form that its parameter needs: JSON for json and jsonb, an array literal for arrays. Asks the
 * server for the parameter types, because an empty list is `[]` in JSON but `{}` as an array. Sends nothing for a statement without
 * lists. Throws an error with SQLSTATE 42804 for a list where the server expects another type, and the server's error for the statement.
 */
export async function withFittingLists<S extends Statement>(client: PoolClient, statement: S): Promise<S> {
  if (!statement.values.some(Array.isArray)) return statement
  const types = await parameterTypes(client, statement.text)
  const found = await client.query<ParameterType>(
    `SELECT t.oid::int AS oid, pg_catalog.format_type(t.oid, NULL) AS name, t.typcategory::text AS category,
            pg_catalog.format_type(COALESCE(NULLIF(t.typbasetype, 0), t.oid), NULL) AS base,
            pg_catalog.format_type(NULLIF(b.typelem, 0), NULL) AS element
       FROM pg_catalog.pg_type t LEFT JOIN pg_catalog.pg_type b ON b.oid = COALESCE(NULLIF(t.typbasetype, 0), t.oid)
      WHERE t.oid = ANY($1::oid[])`,
    [types],
  )
  const byOid = new Map(found.rows.map((type) => [type.oid, type]))
  const values = statement.values.map((value, i) =>
    Array.isArray(value) ? listText(value, i, byOid.get(types[i] ?? 0)) : value,
  )
  return { ...statement, values }
}

interface ParameterType {
  oid: number
  name: string
  category: string
  base: string
  element: string | null
}

function listText(list: unknown[], index: number, type: ParameterType | undefined): string {
  if (type && isJson(type.base)) return JSON.stringify(list)
  if (type?.category === 'A') return arrayText(list, isJson(type.element))
  const message = `value $${index + 1} is a list, but the server expects ${type?.name ?? 'another type'}: add a cast such as $${index + 1}::text[] or $${index + 1}::jsonb, or write the value as text`
  throw Object.assign(new Error(message), { code: '42804', severity: 'ERROR' })
}

function isJson(type: string | null): boolean {
  return type === 'json' || type === 'jsonb'
}

function arrayText(list: unknown[], ofJson: boolean): string {
  const item = (value: unknown): string => {
    if (value === null || value === undefined) return 'NULL'
    if (Array.isArray(value) && !ofJson) return arrayText(value, false)
    const text = ofJson || typeof value === 'object' ? JSON.stringify(value) : String(value)
    return `"${text.replace(/["\\]/g, '\\$&')}"`
  }
  return `{${list.map(item).join(',')}}`
}

/** The types (OIDs) that the server infers for a statement's parameters. Rejects with the server's error; nothing is run. */
export function parameterTypes(client: PoolClient, sql: string): Promise<number[]> {
  return new Promise((resolve, reject) => {
    client.query(new DescribeParameters(sql, resolve, reject))
  })
}

/** The client calls this object in the same way as its own queries. */
class DescribeParameters implements Submittable {
  readonly #sql: string
  readonly #resolve: (types: number[]) => void
  readonly handleError: (error: Error) => void
  #types: number[] = []
  #stopListening = () => {}

  constructor(sql: string, resolve: (types: number[]) => void, reject: (error: Error) => void) {
    this.#sql = sql
    this.#resolve = resolve
    this.handleError = (error) => {
      this.#stopListening()
      reject(error)
    }
  }

  submit(connection: Connection): void {
    const heard = ({ dataTypeIDs }: { dataTypeIDs: number[] }) => (this.#types = dataTypeIDs)
    connection.once('parameterDescription', heard)
    this.#stopListening = () => connection.removeListener('parameterDescription', heard)
    connection.stream.cork()
    connection.parse({ name: '', text: this.#sql, types: [] }, true)
    connection.describe({ type: 'S', name: '' }, true)
    connection.sync()
    connection.stream.uncork()
  }

  handleReadyForQuery(): void {
    this.#stopListening()
    this.#resolve(this.#types)
  }

  handleRowDescription(): void {}
  handleDataRow(): void {}
  handlePortalSuspended(): void {}
  handleCommandComplete(): void {}
  handleEmptyQuery(): void {}
}
