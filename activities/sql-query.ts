import Cursor from 'pg-cursor'
import type { FieldDef, PoolClient, QueryResult } from 'pg'
import { messageOf, RunbookError } from '../src/core/errors.ts'
import { MAX_RESULT_BYTES, MAX_ROWS } from '../src/core/evidence.ts'
import type { Json, JsonObject } from '../src/core/json.ts'
import type { Type } from '../src/core/plan.ts'
import { columnType } from '../src/language/kinds/sql-query.ts'
import { connectPostgres } from '../src/targets/open-postgres.ts'
import { capResult } from './cap-result.ts'
import { coerceColumn } from './coerce-column.ts'
import type { CheckImplementation } from './implementation.ts'
import { optionalList, optionalRecord, requiredText } from './parameters.ts'

type Row = Record<string, string | null>

/** So many rows are fetched at a time, until there are enough or they are too many bytes. */
const FETCH_ROWS = 100

/**
 * One statement in the extended protocol, in a READ ONLY transaction that is rolled back: what a statement sets is gone with it. That
 * is the second net; the first is the role, which can only read.
 */
export const sqlQuery: CheckImplementation = async (parameters, { targets, signal, timeoutMs }) => {
  const target = await targets.postgres(requiredText(parameters, 'connection'), 'read')
  const sql = requiredText(parameters, 'sql')
  const params = (optionalList(parameters, 'params') ?? []).map(sqlValue)
  const columns = declaredColumns(optionalRecord(parameters, 'columns') ?? {})
  const client = await connectPostgres(target)
  // The server may end the session between two statements; without a listener that would end the process.
  const ignore = () => {}
  client.on('error', ignore)
  let failed = true
  try {
    const found = await abortable(signal, () => readRows(client, sql, params, timeoutMs))
    await client.query('ROLLBACK; SELECT pg_advisory_unlock_all()')
    failed = false
    const rows = pick(found.rows, found.fields, columns)
    return capResult({ rows, truncated: found.truncated }, target.redact)
  } catch (error) {
    throw isDatabaseError(error) ? describe(error, target.connection) : error
  } finally {
    client.release(failed)
    client.removeListener('error', ignore)
  }
}

async function readRows(client: PoolClient, sql: string, params: (string | string[] | null)[], timeoutMs: number) {
  // A little less than the check's own timeout, so that the server ends the statement and says so.
  const statementMs = Math.max(50, Math.round(timeoutMs * 0.95))
  await client.query(`BEGIN READ ONLY; SET LOCAL statement_timeout = ${statementMs}`)
  const cursor = client.query(
    new Cursor<Row>(sql, params, { types: { getTypeParser: () => (text: string) => text } as never }),
  )
  const rows: Row[] = []
  let fields: FieldDef[] = []
  let bytes = 0
  for (;;) {
    const { chunk, result } = await read(cursor, Math.min(FETCH_ROWS, MAX_ROWS + 1 - rows.length))
    if (rows.length === 0) fields = result?.fields ?? []
    rows.push(...chunk)
    for (const row of chunk) for (const text of Object.values(row)) bytes += text?.length ?? 4
    const ended = chunk.length === 0 || chunk.length < FETCH_ROWS
    if (!ended && rows.length <= MAX_ROWS && bytes <= 2 * MAX_RESULT_BYTES) continue
    const truncated = rows.length > MAX_ROWS || !ended
    await cursor.close()
    return { rows: rows.slice(0, MAX_ROWS), fields, truncated }
  }
}

function read(cursor: Cursor<Row>, count: number): Promise<{ chunk: Row[]; result: QueryResult | undefined }> {
  return new Promise((resolve, reject) => {
    cursor.read(count, (error: Error | undefined, chunk: Row[], result: QueryResult | undefined) =>
      error ? reject(error) : resolve({ chunk, result }),
    )
  })
}

/** Ends the waiting at the abort; the caller then drops the connection, and the server's own timeout ends the statement. */
async function abortable<T>(signal: AbortSignal, run: () => Promise<T>): Promise<T> {
  signal.throwIfAborted()
  let stop = () => {}
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason as Error)
    signal.addEventListener('abort', stop)
  })
  try {
    return await Promise.race([run(), aborted])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

function declaredColumns(columns: JsonObject): { name: string; type: Type }[] {
  return Object.entries(columns).map(([name, text]) => {
    const type = columnType(text)
    if (type === undefined)
      throw new RunbookError('RUNBOOK_CHECK_FAILED', `column ${name}: ${JSON.stringify(text)} is not a type`)
    return { name, type }
  })
}

function pick(rows: Row[], fields: FieldDef[], columns: { name: string; type: Type }[]): JsonObject[] {
  const found = columns.map(({ name, type }) => {
    const named = fields.filter((field) => field.name === name)
    const has = fields.map((field) => field.name).join(', ') || 'none'
    if (named.length === 0)
      throw new RunbookError('RUNBOOK_CHECK_FAILED', `the statement gives no column "${name}"; it gives ${has}`)
    if (named.length > 1)
      throw new RunbookError('RUNBOOK_CHECK_FAILED', `the statement gives the column "${name}" ${named.length} times`)
    return { name, type, oid: named[0]!.dataTypeID }
  })
  return rows.map((row) =>
    Object.fromEntries(found.map(({ name, type, oid }) => [name, coerceColumn(name, row[name] ?? null, type, oid)])),
  )
}

/** Values go as text, whose type the server infers: `'1h'` serves `$1::interval`. An object goes as JSON. */
function sqlValue(value: Json): string | string[] | null {
  if (value === null || typeof value === 'string') return value
  if (Array.isArray(value)) return value.map(sqlValue) as string[]
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

interface DatabaseError extends Error {
  code: string
  hint?: string
}

function isDatabaseError(error: unknown): error is DatabaseError {
  const { code, severity } = error as { code?: unknown; severity?: unknown }
  return error instanceof Error && typeof code === 'string' && typeof severity === 'string'
}

function describe(error: DatabaseError, connection: string): RunbookError {
  const hint = error.hint ? ` (${error.hint})` : ''
  const message = `connection ${connection}: ${messageOf(error)}${hint}, SQLSTATE ${error.code}`
  return new RunbookError(
    'RUNBOOK_CHECK_FAILED',
    message,
    { sqlState: error.code, timeout: error.code === '57014' },
    error,
  )
}
