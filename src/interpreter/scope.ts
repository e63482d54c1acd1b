import type { Evidence } from '../core/evidence.ts'
import type { Json, JsonObject } from '../core/json.ts'
import type { CheckState } from '../language/expressions/judge.ts'
import type { Expression, Plan, PlanCheck, Type, Value } from '../core/plan.ts'
import { inputsType } from '../language/expressions/inputs-type.ts'

/** The names that expressions can use: their values, their types, and the state of each check's result. Immutable: the `with…` functions return a new scope. */
export interface Scope {
  values: Record<string, Json>
  types: Record<string, Type>
  states: Record<string, CheckState>
}

const plans = new Map<string, Plan>()
const MAX_PLANS = 100

/**
 * One object for all plans with the same content. The input of every incident holds a separate copy of the plan, and compiled expressions
 * are cached by the plan's type objects. With one shared object they are compiled once, and not once for each incident.
 */
export function samePlan(plan: Plan): Plan {
  const text = JSON.stringify(plan)
  const known = plans.get(text)
  if (known) return known
  if (plans.size >= MAX_PLANS) plans.clear()
  plans.set(text, plan)
  return plan
}

export function scopeOf(plan: Plan, inputs: JsonObject): Scope {
  const values: JsonObject = {}
  for (const name of Object.keys(plan.inputs)) values[name] = inputs[name] ?? null
  return { values: { inputs: values }, types: rootTypes(plan), states: {} }
}

const roots = new WeakMap<Plan, Record<string, Type>>()

/** The types that all scopes of a plan start with. Always the same object for one plan, so that expressions are compiled once. */
function rootTypes(plan: Plan): Record<string, Type> {
  let types = roots.get(plan)
  if (!types) roots.set(plan, (types = { inputs: inputsType(plan.inputs) }))
  return types
}

const lists = new Map<string, Type>()
const listsOfObjects = new WeakMap<object, Type>()

/** The type of a list. Always the same object for the same element type. */
export function listOf(element: Type): Type {
  const known = typeof element === 'string' ? lists.get(element) : listsOfObjects.get(element)
  if (known) return known
  const made: Type = { list: element }
  if (typeof element === 'string') lists.set(element, made)
  else listsOfObjects.set(element, made)
  return made
}

export function withName(scope: Scope, name: string, value: Json, type: Type): Scope {
  return { ...scope, values: { ...scope.values, [name]: value }, types: withTypes(scope.types, [[name, type]]) }
}

const derivedTypes = new WeakMap<Record<string, Type>, { added: [string, Type][]; types: Record<string, Type> }[]>()

/**
 * The types with further names. Adding the same names to the same types returns the same object, because compiled
 * expressions are cached by this object.
 */
function withTypes(types: Record<string, Type>, added: [string, Type][]): Record<string, Type> {
  let derived = derivedTypes.get(types)
  if (!derived) derivedTypes.set(types, (derived = []))
  const same = derived.find(
    (one) =>
      one.added.length === added.length &&
      one.added.every(([name, type], i) => name === added[i]![0] && type === added[i]![1]),
  )
  if (same) return same.types
  const next = { ...types, ...Object.fromEntries(added) }
  derived.push({ added, types: next })
  return next
}

export function withEvidence(scope: Scope, checks: PlanCheck[], found: Evidence[]): Scope {
  const types = withTypes(
    scope.types,
    checks.map((check) => [check.name, check.result]),
  )
  const next: Scope = { values: { ...scope.values }, types, states: { ...scope.states } }
  for (const [i, check] of checks.entries()) {
    const evidence = found[i]!
    next.values[check.name] = evidence.result ?? null
    next.states[check.name] = stateOf(evidence)
  }
  return next
}

/** A result with values that are out of date says nothing about the present, so it counts as a check that failed. */
function stateOf({ status, truncated, result }: Evidence): CheckState {
  if (status !== 'ok' || (typeof result?.['outdated'] === 'number' && result['outdated'] > 0)) return 'failed'
  return truncated ? 'truncated' : 'ok'
}

/** The checks that an expression reads and whose result is missing or truncated, so that its value may be undetermined. */
export function incompleteChecks(expression: Expression | undefined, scope: Scope): string[] {
  return (expression?.checks ?? []).filter((name) => (scope.states[name] ?? 'failed') !== 'ok')
}

/** Every expression inside a template. */
export function expressionsIn(value: Value): Expression[] {
  if ('expr' in value) return [value.expr]
  if ('text' in value) return value.text.filter((part) => typeof part !== 'string')
  if ('list' in value) return value.list.flatMap(expressionsIn)
  if ('map' in value) return Object.values(value.map).flatMap(expressionsIn)
  return []
}

/** The named checks and all checks that they need, in the plan's order. */
export function closure(checks: PlanCheck[], names: Iterable<string>): PlanCheck[] {
  const wanted = new Set(names)
  for (const check of checks.toReversed()) if (wanted.has(check.name)) for (const need of check.needs) wanted.add(need)
  return checks.filter((check) => wanted.has(check.name))
}
