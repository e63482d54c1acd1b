import type { Json } from '../../core/json.ts'
import { formatDuration, parseDuration } from '../../core/duration.ts'

/**
 * Values while an expression runs: JSON values, and durations. Numbers stay JavaScript numbers: what is an int and what a double
 * is known from the types, and no BigInt can reach a payload.
 */
export type Value = null | boolean | number | string | Duration | Value[] | { [key: string]: Value }

export class Duration {
  readonly ms: number
  constructor(ms: number) {
    this.ms = ms
  }
  /** `90s`; also for what the language cannot write, such as `0s` and `-5m`. */
  toString(): string {
    if (this.ms === 0) return '0s'
    return this.ms < 0 ? `-${formatDuration(-this.ms)}` : formatDuration(this.ms)
  }
}

/** An expression that has no value here. The message is for people; nothing else is ever thrown by evaluating. */
export class EvaluationError extends Error {
  override readonly name = 'EvaluationError'
}

/** What one evaluation may cost: steps of about 10 to 60 ns, so that none takes longer than some tens of milliseconds. */
const MAX_STEPS = 1_000_000
export const MAX_TEXT = 65_536

export class Meter {
  private left = MAX_STEPS
  spend(steps: number): void {
    this.left -= steps
    if (this.left < 0)
      throw new EvaluationError('the expression costs too much; let the query filter or join, or nest fewer loops')
  }
  /** For work that is linear in a text. */
  spendText(length: number): void {
    this.spend(1 + (length >> 6))
  }
}

export function durationFrom(text: unknown): Duration {
  if (text instanceof Duration) return text
  const ms = typeof text === 'string' ? parseDuration(text) : undefined
  if (ms === undefined) throw new EvaluationError(`${show(text)} is not a duration such as 30s, 15m, 24h`)
  return new Duration(ms)
}

/** Equality as CEL has it: numbers by value, lists and objects by content, different kinds are never equal. */
export function equal(a: Value, b: Value, meter: Meter): boolean {
  meter.spend(1)
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (a instanceof Duration || b instanceof Duration)
    return a instanceof Duration && b instanceof Duration && a.ms === b.ms
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false
    return a.every((item, i) => equal(item, b[i]!, meter))
  }
  const keys = Object.keys(a)
  if (keys.length !== Object.keys(b).length) return false
  return keys.every((key) => Object.hasOwn(b, key) && equal(a[key]!, b[key]!, meter))
}

/** Negative, zero or positive. Throws for what has no order. */
export function compare(a: Value, b: Value): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b
  if (typeof a === 'string' && typeof b === 'string') return a < b ? -1 : a > b ? 1 : 0
  if (a instanceof Duration && b instanceof Duration) return a.ms - b.ms
  throw new EvaluationError(`${show(a)} and ${show(b)} cannot be ordered`)
}

/** The value as text, as `string()` and templates write it. */
export function toText(value: Value): string {
  if (value === null) return ''
  if (typeof value === 'string') return value
  if (typeof value === 'object' && !(value instanceof Duration)) return JSON.stringify(toJson(value))
  return String(value)
}

/** Plain JSON: durations as text. Shares structure with the scope where nothing had to be replaced. */
export function toJson(value: Value): Json {
  if (value instanceof Duration) return value.toString()
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(toJson)
  const object: { [key: string]: Json } = Object.create(null)
  for (const key of Object.keys(value)) object[key] = toJson(value[key]!)
  return { ...object }
}

/** A value in an error's message, cut short. */
export function show(value: unknown): string {
  if (value === undefined) return 'nothing'
  const text = value instanceof Duration ? value.toString() : JSON.stringify(value)
  return text.length > 60 ? `${text.slice(0, 60)}…` : text
}
