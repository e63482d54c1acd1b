import type pg from 'pg'
import type { JsonObject } from '../core/json.ts'
import { columnsOf, isMovingTime, type Column } from '../targets/column-types.ts'
import { withFittingLists } from '../targets/list-values.ts'
import { hiddenFromWrite } from '../targets/row-security-writes.ts'
import { otherTables } from '../targets/table-schemas.ts'
import type { GuardedWrite, Statement, WrittenColumns } from './action-implementation.ts'
import { boundedBy, isPast } from './deadline.ts'
import { extendedQuery } from './extended-query.ts'

/**
 * The result of a guarded write in the open transaction. `late` means that the deadline has passed. `refused` is the reason why the
 * transaction must be rolled back. Otherwise the write changed its rows, and `guardAfter` has the columns of its guard that the database
 * changed by itself, such as `updated_at`.
 */
export type Written = { late: true } | { refused: string } | { guardAfter?: JsonObject }

/** Runs the write, without committing. Throws the server's error. `redact` names columns whose values must not be recorded. */
export async function runGuardedWrite(
  client: pg.PoolClient,
  write: GuardedWrite,
  deadline: string,
  redact: readonly string[],
): Promise<Written> {
  const { what, rows, written } = write
  const others = await otherTables(client, write.schemas)
  if (others !== undefined) return { refused: `${what}: ${others}` }
  const bounded = boundedBy(deadline, write)
  const checked = written ? await withChecks(client, bounded, written) : { statement: bounded, columns: [] }
  const result = await client.query<Returned>(extendedQuery(await withFittingLists(client, checked.statement)))
  const changed = result.rowCount ?? 0
  if (!(changed === rows && write.endsInWhere) && (await isPast(client, deadline))) return { late: true }
  if (changed !== rows) {
    const hidden = changed < rows ? (await hiddenFromWrite(client, write)).text : ''
    if (hidden !== '') return { refused: `${what}: ${changed} of ${rows} rows match, and ${hidden}` }
    const found = changed < rows ? await matching(client, written?.select) : undefined
    if (found === rows)
      return {
        refused: `${what}: ${found} of ${rows} rows match, but a trigger or a rule kept rows from being changed`,
      }
    return { refused: `${what} has changed since the diagnosis: ${changed} of ${rows} rows match` }
  }
  const differing = checked.columns.filter((_, i) => result.rows.some(({ same }) => same[i] !== true))
  if (differing.length > 0) {
    const names = differing.map(({ name }) => name).join(', ')
    return { refused: `${what}: the value stored in ${names} would differ from the value that the gate showed` }
  }
  return guardAfter(result.rows, redact)
}

/** The result of a write that was applied, such as `1 row of runs changed`. */
export function changedRows({ rows, what, uncounted = '' }: GuardedWrite): string {
  return `${rows === 1 ? '1 row' : `${rows} rows`} of ${what} changed${uncounted}`
}

interface Returned {
  /** For each column of `set`, whether the stored value is exactly the value that the gate showed. */
  same: boolean[]
  /** The value of each column, as PostgreSQL's text. */
  moved: Record<string, string | null>
}

/**
 * Adds a RETURNING clause that compares the stored values with the intended values. A trigger may change a value, and a type may round it
 * or read it in the session's time zone.
 */
export async function withChecks(
  client: Pick<pg.ClientBase, 'query'>,
  { text, values }: Statement,
  { table, set, guard, shown }: WrittenColumns,
): Promise<{ statement: Statement; columns: Column[] }> {
  const all = [...values]
  const columns = await columnsOf(client, table, Object.keys(set))
  const same = columns.map((column) => {
    const parameter = `$${set[column.name]!}`
    const asShown = shown[column.name]
    const conditions = [storedAs(column, parameter), losesNothing(column, parameter)]
    if (column.isTime && typeof asShown === 'string' && !isMovingTime(values[set[column.name]! - 1]))
      conditions.push(storedAs(column, `$${all.push(asShown)}`))
    return conditions.join(' AND ')
  })
  const moving = columns.filter(({ name }) => isMovingTime(values[set[name]! - 1])).map(({ name }) => [name, 'true'])
  const guards = Object.entries(guard).map(([name, number]) => [
    name,
    number === undefined ? `"${name}" IS NOT NULL` : `"${name}" IS DISTINCT FROM $${number}`,
  ])
  const moved = [...moving, ...guards].map(
    ([name, condition]) =>
      // oxlint-disable-next-line runbook/sql-text -- names that were checked, and parameters
      `CASE WHEN ${condition} THEN pg_catalog.jsonb_build_object('${name}', "${name}"::text) ELSE '{}' END`,
  )
  const returning = `ARRAY[${same.join(', ')}]::boolean[] AS same, ${["'{}'::jsonb", ...moved].join(' || ')} AS moved`
  return { statement: { text: `${text} RETURNING ${returning}`, values: all }, columns }
}

/** The values are compared as text, because some types have no equality, and others treat different values as equal. */
function storedAs({ name, type }: Column, parameter: string): string {
  return `"${name}"::text IS NOT DISTINCT FROM CAST(${parameter} AS ${type})::text`
}

/** Whether the column's length or precision keeps the value unchanged: `numeric(10,2)` would round 1.005. */
export function losesNothing({ type, unlimited }: Column, parameter: string): string {
  return type === unlimited
    ? 'true'
    : `CAST(${parameter} AS ${type}) IS NOT DISTINCT FROM CAST(${parameter} AS ${unlimited})`
}

async function matching(client: pg.PoolClient, select: Statement | undefined): Promise<number | undefined> {
  if (!select) return undefined
  const found = await client.query<{ count: string }>(extendedQuery(await withFittingLists(client, select)))
  return Number(found.rows[0]?.count)
}

/** The columns that have the same new value in every row. An undo needs them, because its guard has one value for all rows. */
function guardAfter(rows: Returned[], redact: readonly string[]): { guardAfter?: JsonObject } {
  const hidden = new Set(redact.map((name) => name.toLowerCase()))
  const entries = Object.entries(rows[0]?.moved ?? {}).filter(
    ([name, value]) => !hidden.has(name.toLowerCase()) && rows.every(({ moved }) => moved[name] === value),
  )
  return entries.length > 0 ? { guardAfter: Object.fromEntries(entries) } : {}
}
