import type { JsonObject } from '../../src/core/json.ts'
import { extendedQuery } from '../../src/effects/extended-query.ts'
import type { Statement } from '../../src/effects/action-implementation.ts'
import { withPostgres } from '../../src/targets/open-postgres.ts'
import type { PostgresTarget } from '../../src/targets/targets.ts'

/** What a preview shows; more are counted. */
const MAX_SHOWN = 20
const LOOK_MS = 5_000

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
 * The rows that a SELECT finds now, by the connection's own credentials, in a transaction that cannot write; none without a SELECT.
 * `toBeRun` is parsed by the server and not run. Throws the server's error for either.
 */
export async function readRows(
  target: PostgresTarget,
  select: Statement | undefined,
  toBeRun?: Statement,
): Promise<FoundRows> {
  return withPostgres(target, async (client) => {
    await client.query(`BEGIN READ ONLY; SET LOCAL statement_timeout = ${LOOK_MS}`)
    const found = select ? await client.query<Found>(extendedQuery(counting(select))) : { rows: [] }
    if (toBeRun) {
      // oxlint-disable-next-line runbook/sql-text -- a statement, whose values are kept apart
      await client.query(extendedQuery({ text: `PREPARE to_be_run AS ${toBeRun.text}`, values: [] }))
      await client.query('DEALLOCATE to_be_run')
    }
    await client.query('ROLLBACK')
    return { count: Number(found.rows[0]?.count ?? 0), rows: found.rows.map(({ row }) => row) }
  })
}

function counting({ text, values }: Statement): Statement {
  // oxlint-disable-next-line runbook/sql-text -- a statement, whose values are kept apart
  const rows = `SELECT to_jsonb(found) AS row, count(*) OVER () AS count FROM (\n${text}\n) AS found LIMIT ${MAX_SHOWN}`
  return { text: rows, values }
}
