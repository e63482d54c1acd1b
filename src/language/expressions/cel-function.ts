import type { Type } from '../../core/plan.ts'
import { assignable, isList } from './types.ts'
import { EvaluationError, MAX_LENGTH, show } from './runtime-values.ts'
import type { Meter, Value } from './runtime-values.ts'

/**
 * A function of the expression language. The type checker, the evaluator and the reference read the table in functions.ts. `f(x, y)` can also be
 * written `x.f(y)`.
 */
export interface CelFunction {
  name: string
  /** The signature as text, such as `join(list of string, separator) → string`. */
  signature: string
  summary: string
  example: string
  /** The type of the result for these arguments; undefined if the function does not accept them. */
  result(args: Type[]): Type | undefined
  run(args: Value[], meter: Meter): Value
  /** True if a longer list gives a longer or greater result. Expressions over truncated rows are judged with it. */
  isMonotonic?: true
}

export function takes(parameters: Type[], result: Type): (args: Type[]) => Type | undefined {
  return (args) =>
    args.length === parameters.length && args.every((arg, i) => assignable(arg, parameters[i]!)) ? result : undefined
}

export function ofList(then: (element: Type) => Type | undefined): (args: Type[]) => Type | undefined {
  return (args) => {
    if (args.length !== 1) return undefined
    if (args[0] === 'dyn') return then('dyn')
    return isList(args[0]!) ? then(args[0].list) : undefined
  }
}

export function text(value: Value): string {
  if (typeof value === 'string') return value
  throw new EvaluationError(`expected a string, got ${show(value)}`)
}

export function number(value: Value): number {
  if (typeof value === 'number') return value
  throw new EvaluationError(`expected a number, got ${show(value)}`)
}

export function list(value: Value, meter: Meter): Value[] {
  if (!Array.isArray(value)) throw new EvaluationError(`expected a list, got ${show(value)}`)
  meter.spend(value.length)
  return value
}

/** Refuses strings that become too long, such as a string that is doubled repeatedly. */
export function bounded(value: string, meter: Meter): string {
  meter.spendText(value.length)
  if (value.length > MAX_LENGTH) throw new EvaluationError(`a string is longer than ${MAX_LENGTH} characters`)
  return value
}

export function finite(value: number): number {
  if (Number.isFinite(value) && (!Number.isInteger(value) || Number.isSafeInteger(value))) return value
  throw new EvaluationError('a number is outside the range of exact numbers')
}
