import { parseDuration } from '../../src/core/duration.ts'
import { RunbookError } from '../../src/core/errors.ts'
import type { Json } from '../../src/core/json.ts'
import type { Type } from '../../src/core/plan.ts'

/** PostgreSQL's text of a value → the declared type. Throws RunbookError `RUNBOOK_CHECK_FAILED` that names column, value and type. */
export function coerceColumn(column: string, text: string | null, type: Type, oid: number): Json {
  if (typeof type === 'object' && 'nullable' in type)
    return text === null ? null : coerceColumn(column, text, type.nullable, oid)
  if (text === null) {
    if (type === 'dyn') return null
    throw failure(column, `is NULL: declare it as ${show(type)}? or let the statement leave such rows out`)
  }
  if (typeof type === 'object') {
    const value = 'list' in type ? arrayOf(text, oid) : undefined
    if (value && 'list' in type) return value.map((item) => coerceColumn(column, item, type.list, 0))
    throw failure(column, `is ${quote(text)}, not a ${show(type)}`)
  }
  const value = scalar(text, type, oid)
  if (value === undefined) throw failure(column, `is ${quote(text)}, not ${type === 'int' ? 'an int' : `a ${type}`}`)
  return value
}

function scalar(text: string, type: Exclude<Type, object>, oid: number): Json | undefined {
  switch (type) {
    case 'string':
      return text
    case 'int':
      return /^-?[0-9]+$/.test(text) && Number.isSafeInteger(Number(text)) ? Number(text) : undefined
    case 'double':
      return text.trim() !== '' && Number.isFinite(Number(text)) ? Number(text) : undefined
    case 'bool':
      return text === 't' || text === 'true' ? true : text === 'f' || text === 'false' ? false : undefined
    case 'duration':
      return parseDuration(text) === undefined ? undefined : text
    case 'dyn':
      return natural(text, oid)
  }
}

/** By the column's own type: numbers where they lose nothing, JSON as its value, arrays as lists, all else as PostgreSQL prints it. */
function natural(text: string, oid: number): Json {
  if (oid === OID.bool) return text === 't'
  if (NUMBERS.has(oid)) {
    const value = Number(text)
    const exact = Number.isFinite(value) && (!INTEGERS.has(oid) || Number.isSafeInteger(value))
    return exact ? value : text
  }
  if (oid === OID.json || oid === OID.jsonb) return JSON.parse(text) as Json
  const element = ARRAYS.get(oid)
  if (element === undefined) return text
  return (arrayOf(text, oid) ?? []).map((item) => (item === null ? null : natural(item, element)))
}

const OID = {
  bool: 16,
  int8: 20,
  int2: 21,
  int4: 23,
  text: 25,
  oid: 26,
  json: 114,
  float4: 700,
  float8: 701,
  varchar: 1043,
  jsonb: 3802,
}
const INTEGERS = new Set([OID.int8, OID.int2, OID.int4, OID.oid])
const NUMBERS = new Set([...INTEGERS, OID.float4, OID.float8])
/** Array type → its element's type. */
const ARRAYS = new Map([
  [1000, OID.bool],
  [1005, OID.int2],
  [1007, OID.int4],
  [1016, OID.int8],
  [1009, OID.text],
  [1015, OID.varchar],
  [1021, OID.float4],
  [1022, OID.float8],
  [2951, 2950],
])

/** A one-dimensional array's elements as text; a JSON list's too. Undefined when it is neither. */
function arrayOf(text: string, oid: number): (string | null)[] | undefined {
  if (oid === OID.json || oid === OID.jsonb) {
    const value = JSON.parse(text) as Json
    if (!Array.isArray(value)) return undefined
    return value.map((item) => (item === null || typeof item === 'string' ? item : JSON.stringify(item)))
  }
  if (!/^\{[\s\S]*\}$/.test(text)) return undefined
  const items: (string | null)[] = []
  const element = /"((?:[^"\\]|\\[\s\S])*)"|([^",{}]+)/g
  for (const [, quoted, plain] of text.slice(1, -1).matchAll(element)) {
    if (quoted !== undefined) items.push(quoted.replace(/\\([\s\S])/g, '$1'))
    else items.push(plain === 'NULL' ? null : plain!)
  }
  return items
}

function failure(column: string, what: string): RunbookError {
  return new RunbookError('RUNBOOK_CHECK_FAILED', `column ${column} ${what}`)
}

function quote(text: string): string {
  return text.length > 60 ? `"${text.slice(0, 60)}…"` : `"${text}"`
}

function show(type: Type): string {
  if (typeof type === 'string') return type
  if ('nullable' in type) return `${show(type.nullable)}?`
  return 'list' in type ? `list(${show(type.list)})` : 'object'
}
