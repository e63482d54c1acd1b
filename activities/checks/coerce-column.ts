import { parse } from 'postgres-array'
import { parseDuration } from '../../src/core/duration.ts'
import { RunbookError } from '../../src/core/errors.ts'
import { parseExactJson } from '../../src/core/exact-json.ts'
import type { Json } from '../../src/core/json.ts'
import type { Type } from '../../src/core/plan.ts'

/**
 * Converts the text that PostgreSQL sends for a value to the declared type. Throws RunbookError `RUNBOOK_CHECK_FAILED` with column, value
 * and type.
 */
export function coerceColumn(column: string, text: string | null, type: Type, oid: number): Json {
  if (typeof type === 'object' && 'nullable' in type)
    return text === null ? null : coerceColumn(column, text, type.nullable, oid)
  if (text === null) {
    if (type === 'dyn') return null
    throw failure(column, `is NULL: declare the column as ${show(type)}?, or exclude such rows in the statement`)
  }
  if (typeof type === 'object') {
    if (oid === OID.boxArray)
      throw failure(column, 'is a box[], whose elements are separated by ";": cast it to ::text[] in the statement')
    const elements = 'list' in type ? elementsOf(text, oid) : undefined
    if (elements && 'list' in type) return elements.map((item) => coerceElement(column, item, type.list))
    throw failure(column, `is ${quote(text)}, not a ${show(type)}`)
  }
  const value = scalar(text, type, oid)
  if (value === undefined && type === 'int' && /^-?[0-9]+$/.test(text))
    throw failure(column, `is ${quote(text)}, which is beyond 2^53, so an int cannot hold it: declare it as string`)
  if (value === undefined) throw failure(column, `is ${quote(text)}, not ${type === 'int' ? 'an int' : `a ${type}`}`)
  return value
}

function coerceElement(column: string, element: Element, type: Type): Json {
  if (!Array.isArray(element)) return coerceColumn(column, element, type, 0)
  if (type === 'dyn') return element
  const inner = typeof type === 'object' && 'nullable' in type ? type.nullable : type
  if (typeof inner === 'object' && 'list' in inner)
    return element.map((item) => coerceElement(column, item, inner.list))
  throw failure(column, `contains lists, not elements of type ${show(type)}`)
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
      return byColumnType(text, oid)
  }
}

/**
 * Converts a value by the type of its column: exact numbers become numbers, JSON its value, arrays lists, and everything else stays
 * PostgreSQL's text.
 */
function byColumnType(text: string, oid: number): Json {
  if (oid === OID.bool) return text === 't'
  if (NUMBERS.has(oid)) {
    const value = Number(text)
    const exact = Number.isFinite(value) && (!INTEGERS.has(oid) || Number.isSafeInteger(value))
    return exact ? value : text
  }
  if (oid === OID.json || oid === OID.jsonb) return parseExactJson(text)
  const element = ARRAYS.get(oid)
  if (element === undefined) return text
  return (elementsOf(text, oid) ?? []).map((item) => elementByType(item, element))
}

function elementByType(item: Element, oid: number): Json {
  if (item === null) return null
  return Array.isArray(item) ? item.map((one) => elementByType(one, oid)) : byColumnType(item, oid)
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
  boxArray: 1020,
  varchar: 1043,
  jsonb: 3802,
}
const INTEGERS = new Set([OID.int8, OID.int2, OID.int4, OID.oid])
const NUMBERS = new Set([...INTEGERS, OID.float4, OID.float8])
/** The element type of each array type, by its OID. */
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

/** An element of an array: its text, null, or the elements of an inner array. */
type Element = string | null | Element[]

/** Matches the text of a PostgreSQL array: optional bounds such as `[1:3]=`, then `{…}` in which every quote is closed. */
const ARRAY_TEXT = /^(?:(?:\[-?\d+:-?\d+\])+=)?\{(?:[^"\\]|"(?:[^"\\]|\\[\s\S])*")*\}$/

/** The type of a parsed array. The types of the library describe one dimension only. */
const parseArray = parse as (text: string) => Element[]

/** The elements of an array's text, or of a JSON list. Undefined if the text is neither. */
function elementsOf(text: string, oid: number): Element[] | undefined {
  if (oid === OID.json || oid === OID.jsonb) {
    const value = parseExactJson(text)
    return Array.isArray(value) ? value.map(jsonElement) : undefined
  }
  // The text is checked first, because it may come from a text column, and the library never returns for a text with an unclosed quote.
  if (!ARRAY_TEXT.test(text)) return undefined
  try {
    return parseArray(text)
  } catch {
    return undefined
  }
}

function jsonElement(value: Json): Element {
  if (value === null || typeof value === 'string') return value
  return Array.isArray(value) ? value.map(jsonElement) : JSON.stringify(value)
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
