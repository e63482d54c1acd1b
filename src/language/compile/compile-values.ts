import type { Json } from '../../core/json.ts'
import { parseDuration } from '../../core/duration.ts'
import type { Expression, Type, Value } from '../../core/plan.ts'
import { NULL, aType, assignable, isList, isNullable, isObject, unify, withoutNull } from '../expressions/types.ts'
import { spanWithin } from '../parse/tree.ts'
import type { MapTree, ScalarTree, Tree } from '../parse/tree.ts'
import { reportCutText } from '../structure/cut-text.ts'
import { expressionAt } from './context.ts'
import type { CompiledExpression, Context, Scope } from './context.ts'

export interface CompiledValue {
  value: Value
  type: Type
  /** All names that the expressions read. */
  names: string[]
  /** The checks that the expressions read. */
  checks: string[]
}

/**
 * Compiles a literal, a template or a structure of these. `required` is the required type; messages use `what` as the name of the value.
 */
export function compileValue(
  context: Context,
  tree: Tree,
  scope: Scope,
  required: Type = 'dyn',
  what = 'this',
): CompiledValue | undefined {
  if (tree.kind === 'list') return compileList(context, tree.items, scope, required, what, tree)
  if (tree.kind === 'map') return compileMap(context, tree, scope, required, what)
  reportCutText(context.reporter, what, tree)
  if (!hasTemplate(tree)) warnOfBraces(context, tree, scope)
  const compiled = hasTemplate(tree) ? compileTemplate(context, tree, scope) : literal(tree)
  if (!compiled) return undefined
  return fits(context, tree, compiled, required, what) ? compiled : undefined
}

function hasTemplate(tree: Tree): tree is ScalarTree & { value: string } {
  return tree.kind === 'scalar' && typeof tree.value === 'string' && tree.value.includes('${{')
}

/** The first template in a structure; undefined if there is none. */
export function templateIn(tree: Tree): ScalarTree | undefined {
  if (tree.kind === 'scalar') return hasTemplate(tree) ? tree : undefined
  const inner = tree.kind === 'list' ? tree.items : [...tree.entries.values()].map((entry) => entry.value)
  for (const item of inner) {
    const found = templateIn(item)
    if (found) return found
  }
  return undefined
}

function literal(scalar: ScalarTree): CompiledValue {
  return { value: { lit: scalar.value }, type: literalType(scalar.value), names: [], checks: [] }
}

function literalType(value: ScalarTree['value']): Type {
  if (value === null) return NULL
  if (typeof value === 'string') return 'string'
  if (typeof value === 'boolean') return 'bool'
  return Number.isInteger(value) ? 'int' : 'double'
}

function fits(context: Context, tree: Tree, { value, type }: CompiledValue, required: Type, what: string): boolean {
  const inner = withoutNull(required)
  if (inner === 'duration' && 'lit' in value && typeof value.lit === 'string') {
    if (parseDuration(value.lit) !== undefined) return true
    const message = `${what} must be a duration with its unit, such as 30s, 15m or 24h, and not 0.`
    context.reporter.error('bad-duration', tree, message)
    return false
  }
  if (assignable(type, required)) return true
  context.reporter.error(
    mayBeNull(type, required) ? 'may-be-null' : 'type-mismatch',
    tree,
    typeMismatch(type, required, what),
  )
  return false
}

function mayBeNull(type: Type, required: Type): boolean {
  return type !== NULL && assignable(stripNulls(type), required)
}

function stripNulls(type: Type): Type {
  const inner = withoutNull(type)
  return isList(inner) ? { list: stripNulls(inner.list) } : inner
}

function typeMismatch(type: Type, required: Type, what: string): string {
  const requirement = `${what} must be ${aType(required)}`
  if (mayBeNull(type, required))
    return isList(withoutNull(type)) && !isNullable(type)
      ? `${requirement}, but items of this list may be null. Remove nulls with .present().`
      : `${requirement}, but this may be null. Give it a default with .orElse(…).`
  const quote = required === 'string' && typeof type === 'string' ? ' Put it in quotes, or use string(…).' : ''
  return `${requirement}, but this is ${aType(type)}.${quote}`
}

function compileList(
  context: Context,
  items: Tree[],
  scope: Scope,
  required: Type,
  what: string,
  at: Tree,
): CompiledValue | undefined {
  const inner = withoutNull(required)
  if (inner !== 'dyn' && !isList(inner)) {
    context.reporter.error('type-mismatch', at, `${what} must be ${aType(required)}, but found a list.`)
    return undefined
  }
  const element = isList(inner) ? inner.list : 'dyn'
  const compiled = items.map((item) => compileValue(context, item, scope, element, what))
  if (!compiled.every((item) => item !== undefined)) return undefined
  const type = compiled.reduce<Type | undefined>(
    (all, item) => (all ? (unify(all, item.type) ?? 'dyn') : item.type),
    undefined,
  )
  const literals = compiled.map(({ value }) => value)
  const value: Value = literals.every((item) => 'lit' in item)
    ? { lit: literals.map((item) => item.lit) }
    : { list: literals }
  return { value, type: { list: type ?? 'dyn' }, ...reads(compiled) }
}

/** Compiles names with values. Each value must have the type `of`, or the type of its field in `required`. */
export function compileMap(
  context: Context,
  tree: MapTree,
  scope: Scope,
  required: Type,
  what: string,
  of: Type = 'dyn',
): CompiledValue | undefined {
  const inner = withoutNull(required)
  if (inner !== 'dyn' && !isObject(inner)) {
    context.reporter.error(
      'type-mismatch',
      tree,
      `${what} must be ${aType(required)}, but found an object with fields.`,
    )
    return undefined
  }
  const compiled: [string, CompiledValue][] = []
  for (const { name, value: entry } of tree.entries.values()) {
    const field = isObject(inner) && Object.hasOwn(inner.object, name) ? inner.object[name]! : of
    const value = compileValue(context, entry, scope, field, `"${name}"`)
    if (value) compiled.push([name, value])
  }
  if (compiled.length < tree.entries.size) return undefined
  const values = compiled.map(([name, { value }]) => [name, value] as const)
  const value: Value = values.every((pair): pair is [string, { lit: Json }] => 'lit' in pair[1])
    ? { lit: Object.fromEntries(values.map(([name, { lit }]) => [name, lit])) }
    : { map: Object.fromEntries(values) }
  const type: Type = { object: Object.fromEntries(compiled.map(([name, { type: each }]) => [name, each])) }
  return { value, type, ...reads(compiled.map(([, each]) => each)) }
}

function reads(compiled: { names: string[]; checks: string[] }[]): { names: string[]; checks: string[] } {
  return {
    names: [...new Set(compiled.flatMap((item) => item.names))],
    checks: [...new Set(compiled.flatMap((item) => item.checks))],
  }
}

/**
 * Compiles a string with `${{ }}`. An expression that is the whole value keeps its type. With `nulls` refused, no expression may be
 * nullable.
 */
export function compileTemplate(
  context: Context,
  scalar: ScalarTree,
  scope: Scope,
  nulls: 'empty' | 'refused' = 'empty',
): CompiledValue | undefined {
  const text = String(scalar.value)
  const parts = splitTemplate(text)
  if ('unclosed' in parts) {
    const span = spanWithin(scalar, context.reporter.source.text, parts.unclosed, parts.unclosed + 3)
    context.reporter.error('template-not-closed', span, 'This "${{" has no closing "}}".')
    return undefined
  }
  warnOfBraces(context, scalar, scope)
  const compiled = parts.map((part) =>
    typeof part === 'string' ? part : expressionAt(context, scalar, part.cel, part.offset, scope),
  )
  if (compiled.includes(undefined)) return undefined
  const expressions = compiled.filter((part): part is CompiledExpression => typeof part !== 'string')
  const [only] = expressions
  const whole =
    only !== undefined &&
    parts.every((part) => typeof part !== 'string' || part.trim() === '') &&
    expressions.length === 1
  if (!allFit(context, scalar, expressions, whole, nulls)) return undefined
  const read = reads(expressions.map(({ names, expression }) => ({ names, checks: expression.checks })))
  if (whole) return { value: { expr: only.expression }, type: only.type, ...read }
  const segments = (compiled as (string | CompiledExpression)[]).map((part): string | Expression =>
    typeof part === 'string' ? part : part.expression,
  )
  return { value: expressions.length === 0 ? { lit: text } : { text: segments }, type: 'string', ...read }
}

function allFit(
  context: Context,
  scalar: ScalarTree,
  expressions: CompiledExpression[],
  whole: boolean,
  nulls: 'empty' | 'refused',
): boolean {
  let valid = true
  for (const { expression, type } of expressions) {
    if (nulls === 'refused' && isNullable(type)) {
      const message = `${expression.cel} may be null, so different items would share one name. Write \${{ ${expression.cel}.orElse('all') }}.`
      context.reporter.error('nullable-key', scalar, message)
      valid = false
    } else if (!whole && (isList(withoutNull(type)) || isObject(withoutNull(type)))) {
      const message = `${expression.cel} is ${aType(type)}. Inside a string, use one of its values, or .join(', ').`
      context.reporter.error('type-mismatch', scalar, message)
      valid = false
    }
  }
  return valid
}

/** Warns about `{{ }}` and `${ }` that contain a known name. Other template languages evaluate these; runbooks do not. */
function warnOfBraces({ reporter }: Context, scalar: ScalarTree, { types }: Scope): void {
  if (typeof scalar.value !== 'string' || !scalar.value.includes('{')) return
  const parts = splitTemplate(scalar.value)
  if ('unclosed' in parts) return
  let text = scalar.value
  for (const part of parts)
    if (typeof part !== 'string')
      text = text.slice(0, part.offset) + ' '.repeat(part.cel.length) + text.slice(part.offset + part.cel.length)
  for (const match of text.matchAll(/(?<!\$)\{\{([^{}]+)\}\}|\$\{([^{}]+)\}/g)) {
    const inner = (match[1] ?? match[2]!).trim()
    if (!inner.match(/[A-Za-z_]\w*/g)?.some((word) => Object.hasOwn(types, word))) continue
    const message = `This is not evaluated. Write an expression in a string as \${{ }}. Did you mean "\${{ ${inner} }}"?`
    const span = spanWithin(scalar, reporter.source.text, match.index, match.index + match[0].length)
    reporter.warning('template-braces', span, message)
  }
}

type Part = string | { cel: string; offset: number }

/** The strings and expressions of a template, in order. `}}` inside quotes or `{…}` does not close an expression. */
export function splitTemplate(text: string): Part[] | { unclosed: number } {
  const parts: Part[] = []
  let at = 0
  for (let open = text.indexOf('${{'); open >= 0; open = text.indexOf('${{', at)) {
    const close = closeOf(text, open + 3)
    if (close < 0) return { unclosed: open }
    if (open > at) parts.push(text.slice(at, open))
    const inner = text.slice(open + 3, close)
    parts.push({ cel: inner.trim(), offset: open + 3 + (inner.length - inner.trimStart().length) })
    at = close + 2
  }
  if (at < text.length) parts.push(text.slice(at))
  return parts
}

function closeOf(text: string, from: number): number {
  let depth = 0
  let quote = ''
  for (let i = from; i < text.length; i++) {
    const character = text[i]!
    if (quote) {
      if (character === '\\') i++
      else if (character === quote) quote = ''
    } else if (character === '"' || character === "'") quote = character
    else if (character === '{') depth++
    else if (character === '}') {
      if (depth === 0) return text[i + 1] === '}' ? i : -1
      depth--
    }
  }
  return -1
}
