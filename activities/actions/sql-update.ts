import { isDeepStrictEqual } from 'node:util'
import { RunbookError } from '../../src/core/errors.ts'
import { isJsonObject, type Json, type JsonObject } from '../../src/core/json.ts'
import type { ActionPreview } from '../../src/core/proposal.ts'
import type { GuardedWrite, Statement } from '../../src/effects/action-implementation.ts'
import { recordParameter, textParameter, wholeParameter } from '../../src/effects/action-parameters.ts'
import { SQL_NAME, sqlUpdate } from '../../src/language/kinds/sql-update.ts'
import { previewWith, type Action } from './action.ts'
import { capResult } from '../limit-result.ts'
import { readRows, type FoundRows } from './read-rows.ts'
import { sqlLiteral } from './display-sql.ts'

export const sqlUpdateAction: Action = {
  kind: sqlUpdate,
  implementation: { protocol: 'sql', write: guardedWrite },
  async preview(parameters, { targets }) {
    const declared = readDeclaration(parameters)
    return previewWith(displayUpdate(declared.table, declared.set, declared.where), async () => {
      const target = await targets.postgres(declared.connection, 'read')
      return describe(declared, await readRows(target, selectBefore(declared)), target.redact)
    })
  },
}

interface Declaration {
  connection: string
  table: string
  where: JsonObject
  set: JsonObject
  rows: number
}

/** Throws RUNBOOK_BAD_INPUT with the parameter's name. Table and column names are checked again here because they become SQL text. */
function readDeclaration(parameters: JsonObject): Declaration {
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

/** The UPDATE, the SELECT that counts the rows as the UPDATE leaves them, and how many rows the UPDATE must change. */
export function guardedWrite(parameters: JsonObject): GuardedWrite {
  const { connection, table, where, set, rows } = readDeclaration(parameters)
  const values: unknown[] = []
  const assignments = Object.entries(set).map(([column, value]) => `${quoted(column)} = ${bind(values, value)}`)
  const update = {
    text: `UPDATE ${quotedTable(table)} SET ${assignments.join(', ')} WHERE ${guard(where, values)}`,
    values,
  }
  const observedValues: unknown[] = []
  const observe = {
    text: `SELECT count(*) AS count FROM ${quotedTable(table)} WHERE ${guard({ ...where, ...set }, observedValues)}`,
    values: observedValues,
  }
  return { connection, rows, update, endsInWhere: true, observe, what: table }
}

function guard(where: JsonObject, values: unknown[]): string {
  return Object.entries(where)
    .map(([column, value]) =>
      value === null ? `${quoted(column)} IS NULL` : `${quoted(column)} = ${bind(values, value)}`,
    )
    .join(' AND ')
}

/** Adds a parameter. The server infers its type from the column, so a text with microseconds becomes an exact timestamp. */
function bind(values: unknown[], value: Json): string {
  values.push(isJsonObject(value) ? JSON.stringify(value) : value)
  return `$${values.length}`
}

function quoted(name: string): string {
  return `"${name}"`
}

function quotedTable(table: string): string {
  return table.split('.').map(quoted).join('.')
}

function selectBefore({ table, where, set }: Declaration): Statement {
  const values: unknown[] = []
  const columns = [...new Set([...Object.keys(where), ...Object.keys(set)])].map(quoted).join(', ')
  return { text: `SELECT ${columns} FROM ${quotedTable(table)} WHERE ${guard(where, values)}`, values }
}

function describe(
  declared: Declaration,
  { count, rows, jsonColumns }: FoundRows,
  redact: string[],
): Omit<ActionPreview, 'summary'> {
  const { table, set, where } = declared
  const pairs = rows.map((before) => ({ before, after: { ...before, ...set } }))
  const { rows: visible } = capResult({ rows: pairs }, redact) as unknown as { rows: ActionPreview['rows'] & object }
  const columns = Object.keys(set)
  const exact = columns.filter((column) =>
    rows.every((row, i) => isExact(row[column], visible[i]?.before[column], jsonColumns.includes(column))),
  )
  const inexact = columns.filter((column) => !exact.includes(column))
  const undoOf = ({ before }: { before: JsonObject }) => {
    const old = Object.fromEntries(columns.map((column) => [column, before[column] ?? null]))
    return displayUpdate(table, old, { ...where, ...set })
  }
  const undo =
    inexact.length > 0 ? [`none: the exact value of ${inexact.join(', ')} is not stored`] : visible.map(undoOf)
  return {
    rows: visible,
    count,
    exact,
    ...(undo.length > 0 ? { undo: undo.join('; ') } : {}),
    ...(count === declared.rows
      ? {}
      : {
          warning: `${count} rows match now, but the write must change exactly ${declared.rows}: it would be refused now`,
        }),
  }
}

/**
 * Whether the stored value is exactly the column's value, so that it can be written back: not redacted, replaced or cut, and not rounded
 * by JSON. In a json column, only an object or a list can be written back: null may be JSON's or SQL's, and a string would be parsed.
 */
function isExact(value: Json | undefined, stored: Json | undefined, isJson: boolean): boolean {
  if (typeof value === 'object' && value !== null)
    return holdsExactValues(value, isJson) && isDeepStrictEqual(value, stored)
  if (isJson || value === undefined) return false
  return stored === value && (typeof value !== 'number' || Number.isSafeInteger(value))
}

/** In JSON, a string may stand for a number that was too large, and a fraction may have lost zeros. */
function holdsExactValues(value: Json, isJson: boolean): boolean {
  if (typeof value === 'number') return Number.isSafeInteger(value)
  if (typeof value === 'string') return !(isJson && /^-?\d[\d.eE+-]*$/.test(value))
  if (typeof value !== 'object' || value === null) return true
  return Object.values(value).every((one) => holdsExactValues(one, isJson))
}

/** The statement with its values, for display. Never run. */
function displayUpdate(table: string, set: JsonObject, where: JsonObject): string {
  const assignments = Object.entries(set).map(([column, value]) => `${column} = ${sqlLiteral(value)}`)
  const guards = Object.entries(where).map(([column, value]) =>
    value === null ? `${column} IS NULL` : `${column} = ${sqlLiteral(value)}`,
  )
  // oxlint-disable-next-line runbook/sql-text -- displayed, never run
  return `UPDATE ${table} SET ${assignments.join(', ')} WHERE ${guards.join(' AND ')}`
}
