import { isDeepStrictEqual } from 'node:util'
import type { PoolClient } from 'pg'
import { defined } from '../../src/core/defined.ts'
import { messageOf } from '../../src/core/errors.ts'
import { parseExactJson } from '../../src/core/exact-json.ts'
import type { Json, JsonObject } from '../../src/core/json.ts'
import type { ActionPreview } from '../../src/core/proposal.ts'
import { extendedQuery } from '../../src/effects/extended-query.ts'
import { losesNothing, withChecks } from '../../src/effects/guarded-write.ts'
import { sqlState } from '../../src/effects/sql-errors.ts'
import { cascadesOf } from '../../src/targets/cascades.ts'
import { tableWarnings } from '../../src/targets/table-warnings.ts'
import { columnsOf, isMovingTime, type Column } from '../../src/targets/column-types.ts'
import { withFittingLists } from '../../src/targets/list-values.ts'
import type { PostgresTarget } from '../../src/targets/targets.ts'
import { capRows } from '../limit-result.ts'
import { requireShownRows, warningOf } from './action.ts'
import { cascadeWarning } from './cascade-warning.ts'
import { displayUpdate } from './display-sql.ts'
import { readRows, shownSchemas, tryToParse, type FoundRows } from './read-rows.ts'
import { guard, parameterOf, quoted, type Declaration, type WrittenUpdate } from './guarded-update.ts'

/** The changes that an update would make: the present rows, and the new values as the server would store them. */
export async function describeUpdate(
  declared: Declaration,
  write: WrittenUpdate,
  target: PostgresTarget,
): Promise<Omit<ActionPreview, 'summary'>> {
  return readRows(target, selectBefore(declared, write.written.table), async (client, found) => {
    const columns = await columnsOf(client, write.written.table, Object.keys(declared.set))
    const stored = await attempt(client, () => readStored(client, columns, declared.set))
    const refusal = 'error' in stored ? stored.error : await refusalOf(client, write, columns, declared)
    const after = 'error' in stored ? declared.set : stored.value.after
    const pairs = found.rows.map((before) => ({ before, after: { ...before, ...after } }))
    const capped = await capRows(pairs, {}, target.redact)
    const { rows } = capped as unknown as { rows: ActionPreview['rows'] & object }
    requireShownRows(pairs.length, rows.length)
    const compared = await comparableColumns(client, columns)
    const exact = await exactColumns(client, compared, found, rows)
    const cascades = await cascadesOf(client, [
      { table: declared.table, deletes: false, columns: Object.keys(declared.set) },
    ])
    const warnings = [cascadeWarning(cascades), ...(await tableWarnings(client, [declared.table]))]
    const incomparable = columns.filter((column) => !compared.includes(column))
    return {
      ...(await shownSchemas(client, write.needs)),
      rows,
      ...defined({ cascades }),
      count: found.count,
      exact,
      ...undoOf(declared, exact, incomparable, rows),
      ...warningOf([
        ...refusalsNow(declared, found.count, 'error' in stored ? refusal : (stored.value.lost ?? refusal)),
        ...warnings,
      ]),
    }
  })
}

function selectBefore({ where, set }: Declaration, table: string) {
  const values: unknown[] = []
  const texts = Object.keys(set)
  const columns = [...new Set([...Object.keys(where), ...texts])].map(quoted).join(', ')
  // oxlint-disable-next-line runbook/sql-text -- quoted names; the values are parameters
  return { text: `SELECT ${columns} FROM ${table} WHERE ${guard(where, values)}`, values, texts }
}

/** Runs a read that the server may refuse, without losing the transaction. */
async function attempt<T>(client: PoolClient, read: () => Promise<T>): Promise<{ value: T } | { error: string }> {
  await client.query('SAVEPOINT attempt')
  try {
    return { value: await read() }
  } catch (error) {
    if (sqlState(error) === undefined) throw error
    await client.query('ROLLBACK TO SAVEPOINT attempt')
    return { error: messageOf(error) }
  }
}

/** The new values as the columns would store them, and the reason if they cannot: a length or a precision would change the value. */
async function readStored(
  client: PoolClient,
  columns: Column[],
  set: JsonObject,
): Promise<{ after: JsonObject; lost: string | undefined }> {
  const values = columns.map(({ name }) => parameterOf(set[name]!))
  const casts = columns.map(({ name, type }, i) => `CAST($${i + 1} AS ${type}) AS ${quoted(name)}`).join(', ')
  const kept = columns.map((column, i) => losesNothing(column, `$${i + 1}`)).join(', ')
  // oxlint-disable-next-line runbook/sql-text -- names and types from the catalog; the values are parameters
  const text = `SELECT to_jsonb(stored)::text AS row, ARRAY[${kept}]::boolean[] AS kept FROM (SELECT ${casts}) AS stored`
  const statement = await withFittingLists(client, { text, values })
  const { rows } = await client.query<{ row: string; kept: boolean[] }>(extendedQuery(statement))
  const after = parseExactJson(rows[0]!.row) as JsonObject
  for (const { name } of columns) if (isMovingTime(set[name])) after[name] = set[name]!
  const lost = columns.filter((_, i) => rows[0]!.kept[i] === false).map(({ name, type }) => `${name} is ${type}`)
  return {
    after,
    lost: lost.length > 0 ? `${lost.join(', ')}, so the value would be rounded or cut` : undefined,
  }
}

/** The reason why the server would refuse the statement now, as far as it is known without running the statement. */
async function refusalOf(
  client: PoolClient,
  { update, written }: WrittenUpdate,
  columns: Column[],
  { set }: Declaration,
): Promise<string | undefined> {
  const empty = columns.find(({ name, notNull }) => notNull && set[name] === null)
  if (empty) return `${empty.name} must not be NULL`
  const parsed = await attempt(client, async () => {
    await tryToParse(client, (await withChecks(client, update, written)).statement)
  })
  return 'error' in parsed ? parsed.error : undefined
}

/**
 * An undo is guarded by the values that the update wrote, so the server must be able to compare these values. It cannot compare json, xml
 * and point, and it compares box and circle only by their area. None of these types has the equality that GROUP BY needs.
 */
async function comparableColumns(client: PoolClient, columns: Column[]): Promise<Column[]> {
  const comparable: Column[] = []
  for (const column of columns) {
    // oxlint-disable-next-line runbook/sql-text -- a type from the catalog
    const text = `SELECT FROM (SELECT CAST(NULL AS ${column.type}) AS value WHERE false) AS none GROUP BY value`
    if ('value' in (await attempt(client, () => client.query(text)))) comparable.push(column)
  }
  return comparable
}

/**
 * The columns whose stored values in `before` can be written back: the preview shows the value in full, and the server makes the text of
 * the column from it. A value is not exact if it is redacted, cut or rounded, or if it is JSON that is not one of the column's values.
 */
async function exactColumns(
  client: PoolClient,
  columns: Column[],
  { rows, texts }: FoundRows,
  visible: NonNullable<ActionPreview['rows']>,
): Promise<string[]> {
  const exact: string[] = []
  for (const [i, { name, type }] of columns.entries()) {
    if (!rows.every((row, j) => isDeepStrictEqual(row[name], visible[j]?.before[name]))) continue
    const values = rows.flatMap((row, j) => [parameterOf(row[name] ?? null), texts[j]![i]!])
    const same = rows.map((_, j) => `CAST($${2 * j + 1} AS ${type})::text IS NOT DISTINCT FROM $${2 * j + 2}::text`)
    // oxlint-disable-next-line runbook/sql-text -- types from the catalog; the values are parameters
    const text = `SELECT ${same.join(' AND ') || 'true'} AS same`
    const compared = await attempt(client, async () =>
      client.query<{ same: boolean }>(extendedQuery(await withFittingLists(client, { text, values }))),
    )
    if ('value' in compared && compared.value.rows[0]?.same) exact.push(name)
  }
  return exact
}

function undoOf(
  { table, set, where }: Declaration,
  exact: string[],
  incomparable: Column[],
  rows: NonNullable<ActionPreview['rows']>,
): Pick<ActionPreview, 'undo'> {
  if (rows.length === 0) return {}
  const [first] = incomparable
  if (first) return { undo: `none: values of ${first.name} cannot be compared, because its type is ${first.type}` }
  const columns = Object.keys(set)
  const inexact = columns.filter((column) => !exact.includes(column))
  if (inexact.length > 0) return { undo: `none: the exact value of ${inexact.join(', ')} is not stored` }
  const undo = rows.map(({ before }) => {
    const old = Object.fromEntries(columns.map((column): [string, Json] => [column, before[column] ?? null]))
    return displayUpdate(table, old, { ...where, ...set })
  })
  return { undo: undo.join('; ') }
}

function refusalsNow({ rows }: Declaration, count: number, refusal: string | undefined): string[] {
  return [
    ...(refusal === undefined ? [] : [`the action would be refused now: ${refusal}`]),
    ...(count === rows
      ? []
      : [`${count} rows match now, but the write must change exactly ${rows}: the action would be refused now`]),
  ]
}
