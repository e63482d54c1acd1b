import type { Json, JsonObject } from '../../src/core/json.ts'
import { visibleText } from '../../src/core/displayable.ts'
import type { Statement } from '../../src/effects/action-implementation.ts'
import { parameterOf } from './guarded-update.ts'
import { parameterNumber, sqlTokens } from '../../src/language/sql-tokens.ts'

/** A value as an SQL literal. It is only displayed, never run. */
function sqlLiteral(value: Json): string {
  if (value === null) return 'NULL'
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  return `'${visibleText(value).replaceAll("'", "''")}'`
}

/**
 * An UPDATE with its values, for display. The engine never runs it, but people may copy it, so names that need quotes
 * have them.
 */
export function displayUpdate(table: string, set: JsonObject, where: JsonObject): string {
  const assignments = Object.entries(set).map(([column, value]) => `${sqlName(column)} = ${sqlLiteral(value)}`)
  const guards = Object.entries(where).map(([column, value]) =>
    value === null ? `${sqlName(column)} IS NULL` : `${sqlName(column)} = ${sqlLiteral(value)}`,
  )
  const name = table.split('.').map(sqlName).join('.')
  // oxlint-disable-next-line runbook/sql-text -- displayed, never run
  return `UPDATE ${name} SET ${assignments.join(', ')} WHERE ${guards.join(' AND ')}`
}

/**
 * A name as it must be written in SQL. It gets quotes if necessary, because PostgreSQL reads a name without quotes as
 * lower case.
 */
function sqlName(name: string): string {
  return /[A-Z]/.test(name) ? `"${name}"` : name
}

/** A statement with its values filled in, on one line and without comments. It is only displayed, never run. */
export function displaySql(sql: string, values: readonly Json[]): string {
  let text = ''
  let from = 0
  const add = (part: string) => (text += text.endsWith(' ') ? part.replace(/^ /, '') : part)
  const addBetween = (end?: number) => add(sql.slice(from, end).replace(/\s+/g, ' '))
  for (const piece of sqlTokens(sql)) {
    addBetween(piece.start)
    const number = parameterNumber(piece)
    if (number !== undefined) text += sqlLiteral(values[number - 1] ?? null)
    else if (piece.kind === 'comment') add(' ')
    else text += piece.kind === 'quoted' ? visibleText(piece.text) : piece.text
    from = piece.end
  }
  addBetween()
  return text.replace(/[\s;]+$/, '').trim()
}

/** Returns the statement with only the values that it uses, renumbered, because the server accepts neither more nor fewer values. */
export function withUsedValues(sql: string, values: readonly Json[]): Statement {
  const used: Json[] = []
  const numbers = new Map<number, number>()
  let text = ''
  let from = 0
  for (const piece of sqlTokens(sql.replace(/[\s;]+$/, ''))) {
    const number = parameterNumber(piece)
    if (number === undefined) continue
    if (!numbers.has(number)) numbers.set(number, used.push(values[number - 1] ?? null))
    text += `${sql.slice(from, piece.start)}$${numbers.get(number)}`
    from = piece.end
  }
  return { text: text + sql.slice(from).replace(/[\s;]+$/, ''), values: used.map(parameterOf) }
}
