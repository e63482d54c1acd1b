import type { Json } from '../../core/json.ts'
import { formatDuration, parseDuration } from '../../core/duration.ts'

/**
 * Values during evaluation: JSON values and durations. Numbers are JavaScript numbers. The types say which are ints and which are
 * doubles, so no BigInt, which JSON cannot store, is needed.
 */
export type Value = null | boolean | number | string | Duration | Value[] | { [key: string]: Value }

export class Duration {
  readonly ms: number
  constructor(ms: number) {
    this.ms = ms
  }
  /** The duration as text, such as `90s`. It also works for values that cannot be written as a literal, such as `0s` and `-5m`. */
  toString(): string {
    if (this.ms === 0) return '0s'
    return this.ms < 0 ? `-${formatDuration(-this.ms)}` : formatDuration(this.ms)
  }
}

/** The expression has no value for this scope. The message is for people. Evaluation throws no other error. */
export class EvaluationError extends Error {
  override readonly name = 'EvaluationError'
}

/** The maximum cost of one evaluation. A step takes about 10 to 60 ns, so an evaluation takes at most some tens of milliseconds. */
const MAX_STEPS = 1_000_000
export const MAX_LENGTH = 65_536

/**
 * All expressions of one activation together cost too much. This is not an EvaluationError, because the interpreter must not continue as if
 * only one value were missing.
 */
export class BudgetError extends Error {
  override readonly name = 'BudgetError'
}

/**
 * The maximum cost of all expressions between two calls to the host, which is at most about a second. Temporal ends an activation that
 * blocks for some seconds and repeats it for ever.
 */
const ACTIVATION_STEPS = 20_000_000

let activationLeft = Infinity

/** Gives a new budget to the code that runs until the next call to the host. */
export function beginActivation(steps: number = ACTIVATION_STEPS): void {
  activationLeft = steps
}

/** Ends the budget. Expressions outside of an interpreter's activation have only the limit of one evaluation. */
export function endActivation(): void {
  activationLeft = Infinity
}

export class Meter {
  private left = MAX_STEPS
  spend(steps: number): void {
    this.left -= steps
    activationLeft -= steps
    if (activationLeft < 0)
      throw new BudgetError(
        'the expressions of this step cost too much together. Filter or join in SQL, or reduce the rows or the targets',
      )
    if (this.left < 0)
      throw new EvaluationError('the expression costs too much; filter or join in SQL, or nest fewer loops')
  }
  /** Counts the cost of work that is linear in the length of a string. */
  spendText(length: number): void {
    this.spend(1 + (length >> 6))
  }
}

export function durationFrom(text: unknown): Duration {
  if (text instanceof Duration) return text
  const ms = typeof text === 'string' ? parseDuration(text) : undefined
  if (ms === undefined) throw new EvaluationError(`${show(text)} is not a duration such as 30s, 15m or 24h`)
  return new Duration(ms)
}

/** Equality as in CEL: numbers by value, lists and objects by content; values of different types are never equal. */
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

/** Negative, zero or positive. Throws for values that have no order. */
export function compare(a: Value, b: Value): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b
  if (typeof a === 'string' && typeof b === 'string') return a < b ? -1 : a > b ? 1 : 0
  if (a instanceof Duration && b instanceof Duration) return a.ms - b.ms
  throw new EvaluationError(`${show(a)} and ${show(b)} cannot be compared`)
}

/** The value as a string, as in `string()` and templates. */
export function toText(value: Value): string {
  if (value === null) return ''
  if (typeof value === 'string') return value
  if (typeof value === 'object' && !(value instanceof Duration)) return JSON.stringify(toJson(value))
  return String(value)
}

/** Plain JSON, with durations as strings. */
export function toJson(value: Value): Json {
  if (value instanceof Duration) return value.toString()
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(toJson)
  const object: { [key: string]: Json } = Object.create(null)
  for (const key of Object.keys(value)) object[key] = toJson(value[key]!)
  return { ...object }
}

/** A value for an error message, cut to 60 characters. */
export function show(value: unknown): string {
  if (value === undefined) return 'nothing'
  const text = value instanceof Duration ? value.toString() : JSON.stringify(value)
  return text.length > 60 ? `${text.slice(0, 60)}…` : text
}
