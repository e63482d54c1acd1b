import type { Type } from '../../core/plan.ts'
import { aType, aTypeFirst, comparable, formatType, isList, isNullable, isNumber, isObject, unify } from './types.ts'
import { Duration, EvaluationError, MAX_LENGTH, compare, equal, show } from './runtime-values.ts'
import type { Meter, Value } from './runtime-values.ts'

type Refusal = { problem: string }

/** The type of `left op right`, or why it has no type. `null-left` and `null-right`: the left or right side may be null. */
export function binaryResult(op: string, left: Type, right: Type): Type | Refusal {
  if (op === '==' || op === '!=') return comparable(left, right) ? 'bool' : { problem: neverEqual(left, right) }
  if (op === 'in') return membership(left, right)
  if (isNullable(left)) return { problem: 'null-left' }
  if (isNullable(right)) return { problem: 'null-right' }
  if (op === '<' || op === '<=' || op === '>' || op === '>=') return ordering(op, left, right)
  return arithmetic(op, left, right) ?? { problem: noOperator(op, left, right) }
}

function membership(left: Type, right: Type): Type | Refusal {
  if (isNullable(right)) return { problem: 'null-right' }
  if (right === 'dyn' || isObject(right)) return 'bool'
  if (!isList(right)) return { problem: `"in" needs a list on its right side, not ${aType(right)}.` }
  return comparable(left, right.list) ? 'bool' : { problem: neverEqual(left, right.list) }
}

function ordering(op: string, left: Type, right: Type): Type | Refusal {
  const both = unify(left, right)
  if (both && (both === 'dyn' || both === 'string' || both === 'duration' || isNumber(both))) return 'bool'
  return { problem: noOperator(op, left, right) }
}

function arithmetic(op: string, left: Type, right: Type): Type | undefined {
  if (left === 'dyn' || right === 'dyn') return dynamic(op, left === 'dyn' ? right : left)
  if (isNumber(left) && isNumber(right)) {
    if (op === '%') return left === 'int' && right === 'int' ? 'int' : undefined
    return left === 'int' && right === 'int' ? 'int' : 'double'
  }
  if (left === 'duration' && right === 'duration') return op === '+' || op === '-' ? 'duration' : undefined
  if (left === 'duration' && isNumber(right)) return op === '*' || op === '/' ? 'duration' : undefined
  if (op !== '+') return undefined
  if (left === 'string' && right === 'string') return 'string'
  if (isList(left) && isList(right)) return { list: unify(left.list, right.list) ?? 'dyn' }
  return undefined
}

/** The type if the type of one side is known only at run time. */
function dynamic(op: string, other: Type): Type | undefined {
  if (other === 'dyn' || isNumber(other) || other === 'duration') return 'dyn'
  return op === '+' && (other === 'string' || isList(other)) ? other : undefined
}

function neverEqual(left: Type, right: Type): string {
  const types = [left, right]
  const hint = types.some(isNumber)
    ? types.includes('string')
      ? ' Write a number without quotes.'
      : ''
    : types.includes('duration') && types.includes('string')
      ? " Write a duration as duration('15m')."
      : ''
  return `${aTypeFirst(left)} is never equal to ${aType(right)}.${hint}`
}

function noOperator(op: string, left: Type, right: Type): string {
  const hint =
    op === '+' && (left === 'string' || right === 'string')
      ? ' Convert the other side with string(…).'
      : operatorHint(left, right)
  return `"${op}" does not work between ${formatType(left)} and ${formatType(right)}.${hint}`
}

function operatorHint(left: Type, right: Type): string {
  const types = [left, right]
  if (types.some(isList) && types.some(isNumber)) return ' The number of items is size(…).'
  if (types.includes('duration'))
    return " Write a duration as duration('15m'), or convert it to a number with seconds(…)."
  return types.some(isNumber) && types.includes('string') ? ' Write a number without quotes.' : ''
}

/** How to compute `left op right`. `whole`: both sides are ints, so a quotient is truncated; undefined if this is unknown. */
export function binaryRun(op: string, whole: boolean | undefined): (a: Value, b: Value, meter: Meter) => Value {
  switch (op) {
    case '==':
      return equal
    case '!=':
      return (a, b, meter) => !equal(a, b, meter)
    case '<':
      return (a, b) => compare(a, b) < 0
    case '<=':
      return (a, b) => compare(a, b) <= 0
    case '>':
      return (a, b) => compare(a, b) > 0
    case '>=':
      return (a, b) => compare(a, b) >= 0
    case 'in':
      return contains
    case '+':
      return add
    default:
      return (a, b) => calculate(op, a, b, whole)
  }
}

function contains(item: Value, of: Value, meter: Meter): boolean {
  if (Array.isArray(of)) return of.some((other) => equal(item, other, meter))
  if (typeof of === 'object' && of !== null && !(of instanceof Duration))
    return typeof item === 'string' && Object.hasOwn(of, item)
  throw new EvaluationError(`"in" needs a list, not ${show(of)}`)
}

function add(a: Value, b: Value, meter: Meter): Value {
  if (typeof a === 'number' && typeof b === 'number') return inRange(a + b)
  if (typeof a === 'string' && typeof b === 'string') {
    if (a.length + b.length > MAX_LENGTH) throw new EvaluationError(`a string is longer than ${MAX_LENGTH} characters`)
    meter.spendText(a.length + b.length)
    return a + b
  }
  if (Array.isArray(a) && Array.isArray(b)) {
    meter.spend(a.length + b.length)
    return [...a, ...b]
  }
  if (a instanceof Duration && b instanceof Duration) return new Duration(inRange(a.ms + b.ms))
  throw new EvaluationError(`"+" does not work between ${show(a)} and ${show(b)}`)
}

function calculate(op: string, a: Value, b: Value, whole: boolean | undefined): Value {
  if (a instanceof Duration) {
    if (b instanceof Duration && op === '-') return new Duration(inRange(a.ms - b.ms))
    if (typeof b === 'number' && op === '*') return new Duration(Math.round(inRange(a.ms * b)))
    if (typeof b === 'number' && op === '/') return new Duration(Math.round(inRange(a.ms / b)))
  }
  if (typeof a !== 'number' || typeof b !== 'number')
    throw new EvaluationError(`"${op}" does not work between ${show(a)} and ${show(b)}`)
  if (op === '-') return inRange(a - b)
  if (op === '*') return inRange(a * b)
  if (b === 0) throw new EvaluationError('division by zero')
  if (op === '%') return inRange(a % b)
  const quotient = a / b
  return inRange((whole ?? (Number.isInteger(a) && Number.isInteger(b))) ? Math.trunc(quotient) : quotient)
}

/** Refuses numbers that JavaScript and JSON cannot store exactly, because comparisons with them could be wrong. */
export function inRange(value: number): number {
  if (Number.isFinite(value) && Math.abs(value) <= Number.MAX_SAFE_INTEGER) return value + 0
  throw new EvaluationError('a number is outside the range of exact numbers')
}
