import type { PoolClient } from 'pg'
import { RunbookError } from '../../src/core/errors.ts'
import { MAX_RESULT_BYTES } from '../../src/core/evidence.ts'
import { parseExactJson } from '../../src/core/exact-json.ts'
import type { JsonObject } from '../../src/core/json.ts'
import type { ColumnGrant } from '../../src/core/needed-grants.ts'
import type { ActionPreview } from '../../src/core/proposal.ts'
import { extendedQuery } from '../../src/effects/extended-query.ts'
import type { Statement } from '../../src/effects/action-implementation.ts'
import { parameterTypes, withFittingLists } from '../../src/targets/list-values.ts'
import { limitBytes, type ByteLimit } from '../../src/targets/limit-bytes.ts'
import { withPostgres } from '../../src/targets/open-postgres.ts'
import { schemasOf } from '../../src/targets/table-schemas.ts'
import { readEveryRow } from '../../src/targets/row-security.ts'
import type { PostgresTarget } from '../../src/targets/targets.ts'

/** How many rows a preview shows. Further rows are only counted. */
const MAX_SHOWN_ROWS = 20
const STATEMENT_TIMEOUT_MS = 5_000
/** How many bytes the server may send for one preview. */
const MAX_RECEIVED_BYTES = 4 * 1024 * 1024

interface Found {
  /** The row as JSON text, which is parsed in this file because the client would round large numbers. */
  row: string
  count: string
  texts: (string | null)[]
}

export interface FoundRows {
  count: number
  /** The rows that are shown, at most 20. */
  rows: JsonObject[]
  /**
   * For each row, the texts that PostgreSQL has for the columns in `texts`, or null for NULL. A text is cut if it is larger than a result
   * may be.
   */
  texts: (string | null)[][]
}

/**
 * Reads the rows that a SELECT finds now, with the connection's read credentials, in a read-only transaction; no rows without a SELECT.
 * `next` may read more in the same transaction. Throws the server's error if the SELECT or `next` fails, and `RUNBOOK_CHECK_FAILED` for
 * rows that are too large. `texts` are columns of the SELECT that are read as text too; their names are used in SQL.
 */
export async function readRows<T>(
  target: PostgresTarget,
  select: (Statement & { texts?: string[] }) | undefined,
  next: (client: PoolClient, found: FoundRows) => Promise<T>,
): Promise<T> {
  let received: ByteLimit | undefined
  const read = withPostgres(target, async (client) => {
    received = limitBytes(client.connection.stream, MAX_RECEIVED_BYTES)
    const statement = { connection: target.connection, sql: select?.text ?? '', timeoutMs: STATEMENT_TIMEOUT_MS }
    const found = await readEveryRow(client, statement, async (begin) => {
      await client.query(begin.join('; '))
      return select ? readFound(client, select) : { count: 0, rows: [], texts: [] }
    })
    const result = await next(client, found)
    await client.query('ROLLBACK')
    received.stop()
    return result
  })
  return read.catch((error: unknown) => {
    if (!received?.isExceeded) throw error
    const size = `${MAX_RECEIVED_BYTES / 1024 / 1024} MB`
    // The error has no cause, so that nobody mistakes it for a database that is down: this process closed the connection.
    throw new RunbookError('RUNBOOK_CHECK_FAILED', `the rows have more than ${size} and cannot be shown`)
  })
}

/** Lets the server parse a statement without running it. Throws the server's error. */
export async function tryToParse(client: PoolClient, statement: Statement): Promise<void> {
  await parameterTypes(client, statement.text)
  await withFittingLists(client, statement)
}

async function readFound(client: PoolClient, select: Statement & { texts?: string[] }): Promise<FoundRows> {
  const { rows } = await client.query<Found>(extendedQuery(await withFittingLists(client, counting(select))))
  return {
    count: Number(rows[0]?.count ?? 0),
    rows: rows.map(({ row }) => parseExactJson(row) as JsonObject),
    texts: rows.map(({ texts }) => texts),
  }
}

function counting({ text, values, texts = [] }: Statement & { texts?: string[] }): Statement {
  const columns = texts.map((name) => `left(found."${name}"::text, ${MAX_RESULT_BYTES + 1})`).join(', ')
  // oxlint-disable-next-line runbook/sql-text -- a statement; its values are separate parameters
  const rows = `SELECT to_jsonb(found)::text AS row, ARRAY[${columns}]::text[] AS texts, count(*) OVER () AS count FROM (\n${text}\n) AS found LIMIT ${MAX_SHOWN_ROWS}`
  return { text: rows, values }
}

/** The schemas of the tables that an action changes, as a part of its preview; empty if the runbook names all schemas. */
export async function shownSchemas(client: PoolClient, needs: ColumnGrant[]): Promise<Pick<ActionPreview, 'schemas'>> {
  const schemas = await schemasOf(
    client,
    needs.map(({ table }) => table),
  )
  return Object.keys(schemas).length > 0 ? { schemas } : {}
}
