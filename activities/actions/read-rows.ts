import type { JsonObject } from '../../src/core/json.ts'
import { extendedQuery } from '../../src/effects/extended-query.ts'
import type { Statement } from '../../src/effects/action-implementation.ts'
import { withPostgres } from '../../src/targets/open-postgres.ts'
import type { PostgresTarget } from '../../src/targets/targets.ts'

/** Rows that a preview shows; further rows are only counted. */
const MAX_SHOWN_ROWS = 20
const STATEMENT_TIMEOUT_MS = 5_000

interface Found {
  row: JsonObject
  count: string
}

export interface FoundRows {
  count: number
  /** At most 20. */
  rows: JsonObject[]
}

/**
 * Reads the rows that a SELECT finds now, with the connection's read credentials, in a read-only transaction; no rows without a SELECT.
 * The server also parses `toBeRun`, without running it. Throws the server's error for either statement.
 */
export async function readRows(
  target: PostgresTarget,
  select: Statement | undefined,
  toBeRun?: Statement,
): Promise<FoundRows> {
  return withPostgres(target, async (client) => {
    await client.query(`BEGIN READ ONLY; SET LOCAL statement_timeout = ${STATEMENT_TIMEOUT_MS}`)
    const found = select ? await client.query<Found>(extendedQuery(counting(select))) : { rows: [] }
    if (toBeRun) {
      // oxlint-disable-next-line runbook/sql-text -- a statement; its values are separate parameters
      await client.query(extendedQuery({ text: `PREPARE to_be_run AS ${toBeRun.text}`, values: [] }))
      await client.query('DEALLOCATE to_be_run')
    }
    await client.query('ROLLBACK')
    return { count: Number(found.rows[0]?.count ?? 0), rows: found.rows.map(({ row }) => row) }
  })
}

function counting({ text, values }: Statement): Statement {
  // oxlint-disable-next-line runbook/sql-text -- a statement; its values are separate parameters
  const rows = `SELECT to_jsonb(found) AS row, count(*) OVER () AS count FROM (\n${text}\n) AS found LIMIT ${MAX_SHOWN_ROWS}`
  return { text: rows, values }
}
