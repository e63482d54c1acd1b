import type { PoolClient } from 'pg'
import { RunbookError } from '../../src/core/errors.ts'
import { parseExactJson } from '../../src/core/exact-json.ts'
import type { JsonObject } from '../../src/core/json.ts'
import { extendedQuery } from '../../src/effects/extended-query.ts'
import type { Statement } from '../../src/effects/action-implementation.ts'
import { parameterTypes, withFittingLists } from '../../src/targets/list-values.ts'
import { limitBytes, type ByteLimit } from '../../src/targets/limit-bytes.ts'
import { withPostgres } from '../../src/targets/open-postgres.ts'
import { readEveryRow } from '../../src/targets/row-security.ts'
import type { PostgresTarget } from '../../src/targets/targets.ts'

/** Rows that a preview shows; further rows are only counted. */
const MAX_SHOWN_ROWS = 20
const STATEMENT_TIMEOUT_MS = 5_000
/** All that the server may send for one preview. */
const MAX_RECEIVED_BYTES = 4 * 1024 * 1024

interface Found {
  /** JSON. Parsed here, because the client would round large numbers. */
  row: string
  count: string
}

export interface FoundRows {
  count: number
  /** At most 20. */
  rows: JsonObject[]
  /** The columns of type json and jsonb: for these, null and a string in `rows` are not the text that would write them back. */
  jsonColumns: string[]
}

/**
 * Reads the rows that a SELECT finds now, with the connection's read credentials, in a read-only transaction; no rows without a SELECT.
 * The server also parses `toBeRun`, without running it. Throws the server's error for either statement,
 * and `RUNBOOK_CHECK_FAILED` for rows that are too large.
 */
export async function readRows(
  target: PostgresTarget,
  select: Statement | undefined,
  toBeRun?: Statement,
): Promise<FoundRows> {
  let received: ByteLimit | undefined
  const read = withPostgres(target, async (client) => {
    received = limitBytes(client.connection.stream, MAX_RECEIVED_BYTES)
    const statement = { connection: target.connection, sql: select?.text ?? '', timeoutMs: STATEMENT_TIMEOUT_MS }
    const found = await readEveryRow(client, statement, async (begin) => {
      await client.query(begin.join('; '))
      return select ? readFound(client, select) : { count: 0, rows: [], jsonColumns: [] }
    })
    if (toBeRun) {
      await parameterTypes(client, toBeRun.text)
      await withFittingLists(client, toBeRun)
    }
    await client.query('ROLLBACK')
    received.stop()
    return found
  })
  return read.catch((error: unknown) => {
    if (!received?.isExceeded) throw error
    const size = `${MAX_RECEIVED_BYTES / 1024 / 1024} MB`
    throw new RunbookError('RUNBOOK_CHECK_FAILED', `its rows have more than ${size} and cannot be shown`, {}, error)
  })
}

async function readFound(client: PoolClient, select: Statement): Promise<FoundRows> {
  const { rows } = await client.query<Found>(extendedQuery(await withFittingLists(client, counting(select))))
  const { fields } = await client.query(extendedQuery(await withFittingLists(client, describing(select))))
  return {
    count: Number(rows[0]?.count ?? 0),
    rows: rows.map(({ row }) => parseExactJson(row) as JsonObject),
    jsonColumns: fields.filter(({ dataTypeID }) => JSON_OIDS.includes(dataTypeID)).map(({ name }) => name),
  }
}

const JSON_OIDS = [114, 3802]

function describing({ text, values }: Statement): Statement {
  // oxlint-disable-next-line runbook/sql-text -- a statement; its values are separate parameters
  return { text: `SELECT * FROM (\n${text}\n) AS found LIMIT 0`, values }
}

function counting({ text, values }: Statement): Statement {
  // oxlint-disable-next-line runbook/sql-text -- a statement; its values are separate parameters
  const rows = `SELECT to_jsonb(found)::text AS row, count(*) OVER () AS count FROM (\n${text}\n) AS found LIMIT ${MAX_SHOWN_ROWS}`
  return { text: rows, values }
}
