import type { FieldDef, PoolClient } from 'pg'
import { withSignal } from '../../src/core/abort.ts'
import { messageOf, RunbookError } from '../../src/core/errors.ts'
import { MAX_RESULT_BYTES, MAX_ROWS } from '../../src/core/evidence.ts'
import type { Json, JsonObject } from '../../src/core/json.ts'
import type { Type } from '../../src/core/plan.ts'
import { columnType, SCALARS } from '../../src/language/kinds/sql-query.ts'
import { withFittingLists } from '../../src/targets/list-values.ts'
import { withPostgres } from '../../src/targets/open-postgres.ts'
import { readEveryRow } from '../../src/targets/row-security.ts'
import { limitBytes, type ByteLimit } from '../../src/targets/limit-bytes.ts'
import { openPortal, readNextRows, type ReadRows, type ReadStatement } from '../../src/targets/read-portal.ts'
import { capRows } from '../limit-result.ts'
import { coerceColumn } from './coerce-column.ts'
import type { CheckImplementation } from './check.ts'
import { optionalList, optionalRecord, requiredString } from './check-parameters.ts'
import { requireServerClock, usesServerClock } from './server-clock.ts'

type Row = ReadRows['rows'][number]

/** How many rows are fetched at a time, until the row limit or the size limit is reached. */
const FETCH_ROWS = 100
/** How many bytes the server may send for one check. A result keeps 64 kB of them. */
const MAX_RECEIVED_BYTES = 4 * 1024 * 1024

/**
 * Runs one statement in the extended protocol, in a READ ONLY transaction that is rolled back, so that settings are undone too. The
 * read-only transaction is the second protection; the first one is the role, which can only read.
 */
export const sqlQuery: CheckImplementation = async (parameters, { targets, signal, timeoutMs }) => {
  const target = await targets.postgres(requiredString(parameters, 'connection'), 'read')
  const text = requiredString(parameters, 'sql')
  const values = (optionalList(parameters, 'params') ?? []).map(sqlValue)
  // The timeout of the statement is a little shorter than the check's, so that the server cancels the statement and reports it.
  const limits = { connection: target.connection, sql: text, timeoutMs: Math.max(50, timeoutMs * 0.95) }
  const columns = declaredColumns(optionalRecord(parameters, 'columns') ?? {})
  const found: ReadRows = { fields: [], rows: [] }
  let received: ByteLimit | undefined
  const read = withPostgres(target, async (client) => {
    received = limitBytes(client.connection.stream, MAX_RECEIVED_BYTES)
    // If the signal is aborted, the connection is closed, and the statement timeout of the server ends the statement.
    const ended = await withSignal(signal, async () => {
      if (usesServerClock(text)) await requireServerClock(client, target.connection)
      const fitting = await withFittingLists(client, { text, values })
      const params = fitting.values as (string | null)[]
      return readEveryRow(client, limits, (begin) => readRows(client, { sql: text, params, begin }, found))
    })
    await client.query('ROLLBACK; SELECT pg_advisory_unlock_all()')
    received.stop()
    return ended
  })
  const ended = await read.catch((error: unknown) => {
    if (!received?.isExceeded) throw isDatabaseError(error) ? describe(error, target.connection) : error
    if (found.rows.length === 0) throw tooLarge(target.connection)
    return false
  })
  const rows = found.rows.slice(0, MAX_ROWS)
  return capRows(
    pick(rows, found.fields, columns),
    { truncated: !ended || found.rows.length > MAX_ROWS },
    target.redact,
    signal,
  )
}

/** Adds rows to `found` until one of the limits is reached. Returns whether all rows were read. */
async function readRows(client: PoolClient, statement: ReadStatement, found: ReadRows): Promise<boolean> {
  let ended = await openPortal(client, statement, FETCH_ROWS, found)
  while (!ended && found.rows.length <= MAX_ROWS && bytesOf(found.rows) <= 2 * MAX_RESULT_BYTES)
    ended = await readNextRows(client, Math.min(FETCH_ROWS, MAX_ROWS + 1 - found.rows.length), found)
  return ended
}

function tooLarge(connection: string): RunbookError {
  return new RunbookError(
    'RUNBOOK_CHECK_FAILED',
    `connection ${connection}: the first row has more than ${MAX_RECEIVED_BYTES / 1024 / 1024} MB, so nothing was read: select fewer columns, or only the beginning of long columns, such as left(body, 1000)`,
  )
}

function bytesOf(rows: Row[]): number {
  let bytes = 0
  for (const row of rows) for (const text of row) bytes += text?.length ?? 4
  return bytes
}

function declaredColumns(columns: JsonObject): { name: string; type: Type }[] {
  return Object.entries(columns).map(([name, text]) => {
    const type = columnType(text)
    if (type === undefined)
      throw new RunbookError(
        'RUNBOOK_CHECK_FAILED',
        `column ${name}: unknown type ${JSON.stringify(text)}. Use ${SCALARS.join(', ')} or list(…); "?" at the end allows NULL`,
      )
    return { name, type }
  })
}

function* pick(rows: Row[], fields: FieldDef[], columns: { name: string; type: Type }[]): Generator<JsonObject> {
  const found = columns.map(({ name, type }) => {
    const indexes = fields.flatMap((field, index) => (field.name === name ? [index] : []))
    const has = fields.map((field) => field.name).join(', ') || 'none'
    if (indexes.length === 0)
      throw new RunbookError('RUNBOOK_CHECK_FAILED', `the statement returns no column "${name}"; it returns ${has}`)
    if (indexes.length > 1)
      throw new RunbookError(
        'RUNBOOK_CHECK_FAILED',
        `the statement returns the column "${name}" ${indexes.length} times`,
      )
    return { name, type, index: indexes[0]!, oid: fields[indexes[0]!]!.dataTypeID }
  })
  for (const row of rows)
    yield Object.fromEntries(
      found.map(({ name, type, index, oid }) => [name, coerceColumn(name, row[index] ?? null, type, oid)]),
    )
}

/** Values are sent as text, and the server infers their type: `'1h'` works for `$1::interval`. An object is sent as JSON. */
function sqlValue(value: Json): string | Json[] | null {
  if (value === null || typeof value === 'string' || Array.isArray(value)) return value
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
