import { isNamedSecret, scrubSecrets } from '../src/config/secret.ts'
import { RunbookError } from '../src/core/errors.ts'
import { MAX_RESULT_BYTES, MAX_ROWS } from '../src/core/evidence.ts'
import type { Json, JsonObject } from '../src/core/json.ts'
import { cutText, toStorable } from '../src/core/storable.ts'
import { Turns } from './checks/turns.ts'
import { mayBeInResult } from './size-of-input.ts'

const REDACTED = '[redacted]'
const MAX_TEXT_LENGTH = 2_000
/** The text that is stored instead of a body in which fields cannot be redacted, because it was cut or is not JSON. */
export const BODY_NOT_KEPT = '[redacted: fields are known only in a whole JSON body]'

/**
 * Returns a check's result as it may be stored: cleaned, at most 500 rows and 64 kB. Sets `truncated` if something was cut. Throws
 * RunbookError `RUNBOOK_CHECK_FAILED` if the result cannot be made small enough. Rows that may be large need `capRows`.
 */
export function capResult(result: JsonObject, redact: readonly string[] = []): JsonObject {
  const hidden = namesIn(redact)
  const extent = mayBeInResult({ ...result, rows: null }, MAX_TEXT_LENGTH, hidden)
  if (extent === 'no') throw tooLarge('more than 64 kB')
  let capped = clean(result, hidden, MAX_RESULT_BYTES + 1) as JsonObject
  if (extent === 'cut') capped = { ...(shorten(capped) as JsonObject), truncated: true }
  if (Array.isArray(capped.rows) && capped.rows.length > MAX_ROWS)
    capped = { ...capped, rows: capped.rows.slice(0, MAX_ROWS), truncated: true }
  if (bytes(capped) <= MAX_RESULT_BYTES) return capped
  capped = { ...(shorten(capped) as JsonObject), truncated: true }
  if (bytes(capped) <= MAX_RESULT_BYTES) return capped
  if (Array.isArray(capped.rows))
    capped = { ...capped, rows: rowsThatFit(capped.rows, MAX_RESULT_BYTES - bytes({ ...capped, rows: [] })) }
  if (bytes(capped) <= MAX_RESULT_BYTES) return capped
  throw tooLarge(`${Math.ceil(bytes(capped) / 1024)} kB`)
}

function tooLarge(size: string): RunbookError {
  const message = `the result has ${size}, the limit is 64 kB: request less data`
  return new RunbookError('RUNBOOK_CHECK_FAILED', message)
}

/** Cleaning, shortening and measuring a row takes about as long as parsing a text that is longer by this factor. */
const COST_OF_ROW = 4

/**
 * Like `capResult`, for rows that may be large. It processes the rows one by one, lets other work run in between, and stops when the result
 * is full. So the rows are not all in memory at once, and the event loop is not blocked.
 */
export async function capRows(
  rows: Iterable<JsonObject>,
  rest: JsonObject,
  redact: readonly string[],
  signal?: AbortSignal,
): Promise<JsonObject> {
  const turns = new Turns(signal)
  const hidden = namesIn(redact)
  let kept: Json[] = []
  let size = 0
  let isShortened = false
  let isFull = false
  for (const given of rows) {
    const extent = mayBeInResult(given, MAX_TEXT_LENGTH, hidden)
    isFull = extent === 'no'
    if (isFull) break
    let row = clean(given, hidden, MAX_RESULT_BYTES + 1)
    const length = bytes(row)
    if (!isShortened && (extent === 'cut' || size + length > MAX_RESULT_BYTES)) {
      isShortened = true
      kept = kept.map(shorten)
      size = kept.reduce((sum: number, one) => sum + bytes(one) + 1, 0)
    }
    if (isShortened) row = shorten(row)
    const stored = isShortened ? bytes(row) : length
    isFull = kept.length >= MAX_ROWS || size + stored > MAX_RESULT_BYTES
    if (isFull) break
    kept.push(row)
    size += stored + 1
    if (turns.isOver(COST_OF_ROW * length)) await turns.next()
  }
  const truncated = rest.truncated === true || isShortened || isFull
  return capResult({ ...rest, rows: kept, truncated }, redact)
}

/** A value from outside as it may be stored: named fields are redacted at any depth, secrets in strings are hidden, characters that cannot be stored are replaced. */
export function cleaned(value: Json, redact: readonly string[] = []): Json {
  return clean(value, namesIn(redact))
}

function namesIn(redact: readonly string[]): Set<string> {
  return new Set(redact.map((name) => name.toLowerCase()))
}

function bytes(value: Json): number {
  return Buffer.byteLength(JSON.stringify(value))
}

/** The first rows, as many as fit into `room` bytes. */
function rowsThatFit(rows: Json[], room: number): Json[] {
  let left = room
  const end = rows.findIndex((row) => (left -= bytes(row) + 1) < 0)
  return end < 0 ? rows : rows.slice(0, end)
}

/** Removes secrets, hidden fields and characters that cannot be stored from a value, and cuts each text to its first `maxLength` characters. */
function clean(value: Json, hidden: Set<string>, maxLength = Infinity): Json {
  if (typeof value === 'string') return toStorable(scrubSecrets(value.slice(0, maxLength)))
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map((item) => clean(item, hidden, maxLength))
  const object: JsonObject = {}
  for (const [name, item] of Object.entries(value)) {
    if (name === '__proto__') continue
    object[toStorable(name)] = isHidden(name, item, hidden) ? redacted(item) : clean(item, hidden, maxLength)
  }
  return object
}

function isHidden(name: string, item: Json, hidden: Set<string>): boolean {
  return hidden.has(name.toLowerCase()) || (typeof item === 'string' && isNamedSecret(name, item))
}

/**
 * The replacement for a redacted value. A number or a boolean becomes null, because a string would have the wrong type.
 */
function redacted(value: Json): Json {
  return value === null || typeof value === 'number' || typeof value === 'boolean' ? null : REDACTED
}

function shorten(value: Json): Json {
  if (typeof value === 'string') return value.length > MAX_TEXT_LENGTH ? `${cutText(value, MAX_TEXT_LENGTH)}…` : value
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(shorten)
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, shorten(item)]))
}
