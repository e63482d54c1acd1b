import type { Expression, Type } from '../../core/plan.ts'
import type { Policy } from '../../core/policy.ts'
import { notCondition } from '../expressions/hints.ts'
import { compileExpression } from '../expressions/compile.ts'
import type { CheckScope, Effects } from '../expressions/polarity.ts'
import { isList, isNullable } from '../expressions/types.ts'
import type { ConnectionKind, Kind } from '../kinds/kind.ts'
import { commentAfter, spanWithin } from '../parse/tree.ts'
import type { ScalarTree } from '../parse/tree.ts'
import type { Reporter } from '../problems.ts'
import { expressionIn, type Names } from './names.ts'

export interface CompileOptions {
  /** The name of the file. It is part of each problem. */
  file: string
  /** The known kinds; by default all. */
  checks?: readonly Kind[]
  actions?: readonly Kind[]
  /** The configured connections, by name. If absent, names of connections are not checked. */
  connections?: Readonly<Record<string, ConnectionKind>>
  /** The connections without `write`. If absent, every connection counts as writable. */
  readOnly?: readonly string[]
  /** The members of each group that may decide. If absent, approvers are not checked. */
  groups?: Readonly<Record<string, readonly string[]>>
  /** The configured channels. If absent, names of channels are not checked. */
  channels?: readonly string[]
  /** The policy of the configuration. If absent, approvals are not compared with it. */
  policy?: Policy
}

/** The state that all stages of compiling one runbook share. */
export interface Context {
  reporter: Reporter
  checks: ReadonlyMap<string, Kind>
  actions: ReadonlyMap<string, Kind>
  connections: Readonly<Record<string, ConnectionKind>> | undefined
  readOnly: readonly string[]
  groups: Readonly<Record<string, readonly string[]>> | undefined
  channels: readonly string[] | undefined
  policy: Policy | undefined
  /** The names of `let`. */
  names: Names
}

/** The names that an expression can read, with their types, and which of them are checks. */
export interface Scope {
  types: Record<string, Type>
  checks: CheckScope
}

export interface CompiledExpression {
  expression: Expression
  type: Type
  /** All names that the expression reads. */
  names: string[]
  effects: Effects
}

export function scopeWith(scope: Scope, types: Record<string, Type>): Scope {
  return { types: { ...scope.types, ...types }, checks: scope.checks }
}

/**
 * Compiles the CEL at `offset` of a scalar, with the names of `let` replaced by their expressions. Reports its problems at their places in
 * the file. `expanded` is given for an entry of `let` itself, which can use only the names above it.
 */
export function expressionAt(
  context: Context,
  scalar: ScalarTree,
  cel: string,
  offset: number,
  scope: Scope,
  expanded = context.names.expand(cel),
): CompiledExpression | undefined {
  const { names, reporter } = context
  const spanOf = (start: number, end: number) => spanWithin(scalar, reporter.source.text, offset + start, offset + end)
  for (const { name, local, start, end } of expanded.captured) {
    const message = `"${name}" reads "${local}", which is the name of an item here. Give the item another name.`
    reporter.error('name-taken', spanOf(start, end), message)
  }
  // The problems of a name in `let` are reported once, at its definition.
  if (expanded.captured.length > 0 || expanded.used.some((name) => names.isBroken(name))) return undefined
  const compiled = compileExpression(expanded.cel, scope.types, scope.checks, names.usableWith(scope.types))
  if (compiled.ok) return compiled
  for (const problem of compiled.problems) {
    const { start, end, name } = expanded.origin(problem.start, problem.end)
    const cut = problem.rule === 'expression-syntax' && scalar.commented ? CUT : ''
    const within = name === undefined ? '' : `In "${name}": `
    reporter.error(problem.rule, spanOf(start, end), within + problem.message + cut)
  }
  return undefined
}

const CUT = ' YAML starts a comment at " #": put the expression in quotes, or write it on the next line after "|".'

/** Warns about a comment that looks like the end of the expression before it. */
function warnOfCut(context: Context, scalar: ScalarTree): void {
  const comment = commentAfter(scalar, context.reporter.source.text)
  if (!comment || !/&&|\|\||[=!<>]=|\)\s*$/.test(comment.text)) return
  const message = `YAML reads this as a comment, so it is not part of the expression.${CUT}`
  context.reporter.warning('cut-by-comment', comment, message)
}

/** Compiles an expression without `${{ }}` that must be a boolean. */
export function condition(
  context: Context,
  scalar: ScalarTree | undefined,
  scope: Scope,
): CompiledExpression | undefined {
  if (!scalar) return undefined
  const cel = expressionIn(scalar)
  const compiled = expressionAt(context, scalar, cel, leading(scalar), scope)
  if (!compiled) return undefined
  warnOfCut(context, scalar)
  const { type } = compiled
  if (type === 'bool' || type === 'dyn') return compiled
  if (isNullable(type) && type.nullable === 'bool')
    context.reporter.error(
      'may-be-null',
      scalar,
      `${cel} may be null. Compare it: (${cel}) == true, or == false; null is neither.`,
    )
  else context.reporter.error('not-a-condition', scalar, notCondition(cel, type))
  return undefined
}

/** Compiles an expression without `${{ }}` that must be a list. */
export function listExpression(
  context: Context,
  scalar: ScalarTree | undefined,
  scope: Scope,
): (CompiledExpression & { element: Type }) | undefined {
  if (!scalar) return undefined
  const compiled = expressionAt(context, scalar, expressionIn(scalar), leading(scalar), scope)
  if (!compiled) return undefined
  warnOfCut(context, scalar)
  if (compiled.type === 'dyn') return { ...compiled, element: 'dyn' }
  if (isList(compiled.type)) return { ...compiled, element: compiled.type.list }
  const message = 'This must be a list: the affected items, such as runs.rows.filter(r, …).'
  context.reporter.error('type-mismatch', scalar, message)
  return undefined
}

/** The length of the white space before an expression. */
export function leading(scalar: ScalarTree): number {
  const text = String(scalar.value)
  return text.length - text.trimStart().length
}
