import { isJsonObject } from '../../src/core/json.ts'
import type { Json } from '../../src/core/json.ts'

/** A time in milliseconds since 1970. `at` is exact. `local` is a time without a zone, read as if its zone were UTC. */
export type Time = { at: number } | { local: number }

export const TIME_FIELDS = [
  ...['time', 'timestamp', 'ts', '@timestamp', '@t', 'datetime', 'date', 'asctime', 'instant', 't', 'timeUnixNano'],
  ...['Timestamp', 'timestampSeconds', 'time_iso8601', 'msec'],
]

const MAX_TIME_MS = 8.64e15
const FORM = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d)?)(?:[.,](\d{1,9}))?\s?(Z|UTC|GMT|[+-]\d\d:?\d\d|[+-]\d\d)?$/i
/** The offset of UTC-12, the zone whose clocks show the earliest time. */
const WEST_MS = 12 * 3_600_000

/** The latest moment that a time without a zone can mean, in any zone. */
export function latestOf(time: Time): number {
  return 'at' in time ? time.at : time.local + WEST_MS
}

/** A time as loggers write it: ISO 8601 in its variants, or seconds, milliseconds, microseconds or nanoseconds since 1970. */
export function parseTime(value: Json | undefined): Time | undefined {
  if (typeof value === 'number') return fromEpoch(value)
  if (isJsonObject(value)) {
    const seconds = Number(value['epochSecond'] ?? value['seconds'] ?? NaN)
    const nanos = Number(value['nanoOfSecond'] ?? value['nanos'] ?? 0)
    return Number.isFinite(seconds + nanos) ? fromEpoch(seconds + nanos / 1e9) : undefined
  }
  if (typeof value !== 'string' || value.length > 64) return undefined
  const text = value.trim()
  if (/^\d{9,19}(?:\.\d{1,9})?$/.test(text)) return fromEpoch(Number(text))
  const match = FORM.exec(text)
  if (match) return fromParts(match[1]!, match[2]!, match[3] ?? '0', match[4])
  // The long forms of HTTP and e-mail, which always have a zone.
  const long = /^[A-Z][a-z]{2}, \d{1,2} [A-Z][a-z]{2} \d{4} [\d:]{8} (?:GMT|[+-]\d{4})$/.test(text)
  return long ? withinRange(Date.parse(text)) : undefined
}

function fromParts(day: string, clock: string, fraction: string, zone: string | undefined): Time | undefined {
  const ms = fraction.padEnd(3, '0').slice(0, 3)
  const seconds = clock.length === 5 ? `${clock}:00` : clock
  const offset = zone === undefined || /^[a-z]/i.test(zone) ? 'Z' : zone.replace(/^([+-]\d\d):?(\d\d)?$/, asOffset)
  const at = Date.parse(`${day}T${seconds}.${ms}${offset}`)
  if (!Number.isFinite(at)) return undefined
  return zone === undefined ? { local: at } : { at }
}

function asOffset(_: string, hours: string, minutes: string | undefined): string {
  return `${hours}:${minutes ?? '00'}`
}

function fromEpoch(value: number): Time | undefined {
  const size = Math.abs(value)
  // Small numbers are counters or durations, not dates.
  if (size < 1e8) return undefined
  return withinRange(
    size < 1e11 ? value * 1_000 : size < 1e14 ? value : size < 1e17 ? value / 1_000 : value / 1_000_000,
  )
}

function withinRange(at: number): Time | undefined {
  return Number.isFinite(at) && Math.abs(at) < MAX_TIME_MS ? { at } : undefined
}
