import { defined } from '../../src/core/defined.ts'
import { RunbookError } from '../../src/core/errors.ts'
import { isJsonObject, type Json, type JsonObject } from '../../src/core/json.ts'
import { grantsOfAction } from '../../src/core/needed-grants.ts'
import type { ActionPreview } from '../../src/core/proposal.ts'
import type { GuardedWrite, Statement } from '../../src/effects/action-implementation.ts'
import { recordParameter, textParameter, wholeParameter } from '../../src/effects/action-parameters.ts'
import { alsoChanged } from './cascade-warning.ts'
import { SQL_NAME } from '../../src/language/kinds/sql-update.ts'

/** The parameters of one `sql.update`. */
export interface Declaration {
  connection: string
  table: string
  where: JsonObject
  set: JsonObject
  rows: number
}

/**
 * Reads the parameters. The names of tables and columns are checked again here, because they become SQL text. Throws
 * RUNBOOK_BAD_INPUT with the parameter's name.
 */
export function readDeclaration(parameters: JsonObject): Declaration {
  const declared = {
    connection: textParameter(parameters, 'connection'),
    table: textParameter(parameters, 'table'),
    where: recordParameter(parameters, 'where'),
    set: recordParameter(parameters, 'set'),
    rows: wholeParameter(parameters, 'rows', 1),
  }
  const badInput = (message: string) => new RunbookError('RUNBOOK_BAD_INPUT', `sql.update: ${message}`)
  const parts = declared.table.split('.')
  if (parts.length > 2 || !parts.every((part) => SQL_NAME.test(part)))
    throw badInput(`"${declared.table}" is not a table name`)
  for (const name of ['where', 'set'] as const) {
    const columns = Object.keys(declared[name])
    if (columns.length === 0) throw badInput(`${name} is empty: at least one column is required`)
    const bad = columns.find((column) => !SQL_NAME.test(column))
    if (bad !== undefined) throw badInput(`"${bad}" in ${name} is not a column name`)
  }
  if (declared.rows < 1) throw badInput('rows must be at least 1')
  return declared
}

/**
 * Builds the UPDATE, the values that must be stored by it, the SELECT that counts the rows as the UPDATE leaves them, and the number of
 * rows that the UPDATE must change. `approved` is the preview that was shown at the gate.
 */
export function guardedWrite(parameters: JsonObject, approved?: ActionPreview): WrittenUpdate {
  const { connection, table, where, set, rows } = readDeclaration(parameters)
  const values: unknown[] = []
  const assignments = Object.entries(set).map(([column, value]) => `${quoted(column)} = ${bind(values, value)}`)
  const written = {
    table: quotedTable(table),
    set: Object.fromEntries(Object.keys(set).map((column, i) => [column, i + 1])),
    guard: guardParameters(where, set, values.length),
    shown: approved?.rows?.[0]?.after ?? {},
    select: counting(table, where),
  }
  const update = {
    text: `UPDATE ${quotedTable(table)} SET ${assignments.join(', ')} WHERE ${guard(where, values)}`,
    values,
  }
  return {
    connection,
    rows,
    update,
    endsInWhere: true,
    written,
    observe: counting(table, { ...where, ...set }),
    what: table,
    uncounted: alsoChanged(approved?.cascades),
    ...defined({ schemas: approved?.schemas }),
    needs: grantsOfAction('sql.update', parameters),
  }
}

export type WrittenUpdate = GuardedWrite & Required<Pick<GuardedWrite, 'written'>>

/** The parameters of `guard`, without the columns that are set. They follow the first `count` parameters. */
function guardParameters(where: JsonObject, set: JsonObject, count: number): Record<string, number | undefined> {
  let last = count
  const numbered = Object.entries(where).map(
    ([column, value]) => [column, value === null ? undefined : ++last] as const,
  )
  return Object.fromEntries(numbered.filter(([column]) => !Object.hasOwn(set, column)))
}

function counting(table: string, where: JsonObject): Statement {
  const values: unknown[] = []
  return { text: `SELECT count(*) AS count FROM ${quotedTable(table)} WHERE ${guard(where, values)}`, values }
}

export function guard(where: JsonObject, values: unknown[]): string {
  return Object.entries(where)
    .map(([column, value]) =>
      value === null ? `${quoted(column)} IS NULL` : `${quoted(column)} = ${bind(values, value)}`,
    )
    .join(' AND ')
}

/** Adds a parameter. The server infers the parameter's type from the column, so a text with microseconds becomes an exact timestamp. */
function bind(values: unknown[], value: Json): string {
  values.push(parameterOf(value))
  return `$${values.length}`
}

export function parameterOf(value: Json): unknown {
  return isJsonObject(value) ? JSON.stringify(value) : value
}

export function quoted(name: string): string {
  return `"${name}"`
}

function quotedTable(table: string): string {
  return table.split('.').map(quoted).join('.')
}
