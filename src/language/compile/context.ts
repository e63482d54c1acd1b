import type { Expression, Type } from '../../core/plan.ts'
import { notCondition } from '../expressions/check.ts'
import { compileExpression } from '../expressions/compile.ts'
import type { CheckScope, Effects } from '../expressions/polarity.ts'
import { isList, isNullable } from '../expressions/types.ts'
import type { ConnectionKind, Kind } from '../kinds/kind.ts'
import { commentBehind, spanWithin } from '../parse/tree.ts'
import type { ScalarTree } from '../parse/tree.ts'
import type { Reporter } from '../problems.ts'

export interface CompileOptions {
  /** The file's name, for problems. */
  file: string
  /** The kinds that are known; by default those of the table. */
  checks?: readonly Kind[]
  actions?: readonly Kind[]
  /** Configured connections by name. Without them, names of connections are not checked. */
  connections?: Readonly<Record<string, ConnectionKind>>
  /** Those of them that have no `write`. Without them, each counts as if it had. */
  readOnly?: readonly string[]
  /** The people of each group that may decide. Without them, who approves is not checked. */
  groups?: Readonly<Record<string, readonly string[]>>
  /** Configured channels. Without them, their names are not checked. */
  channels?: readonly string[]
}

/** What every stage of compiling one runbook shares. */
export interface Context {
  reporter: Reporter
  checks: ReadonlyMap<string, Kind>
  actions: ReadonlyMap<string, Kind>
  connections: Readonly<Record<string, ConnectionKind>> | undefined
  readOnly: readonly string[]
  groups: Readonly<Record<string, readonly string[]>> | undefined
  channels: readonly string[] | undefined
}

/** The names that an expression knows, and which of them are checks. */
export interface Scope {
  types: Record<string, Type>
  checks: CheckScope
}

export interface CompiledExpression {
  expression: Expression
  type: Type
  /** All names that it reads. */
  names: string[]
  effects: Effects
}

export function scopeWith(scope: Scope, types: Record<string, Type>): Scope {
  return { types: { ...scope.types, ...types }, checks: scope.checks }
}

/** Compiles the CEL that stands at `offset` in a scalar; its problems are reported at their places in the file. */
export function expressionAt(
  context: Context,
  scalar: ScalarTree,
  cel: string,
  offset: number,
  scope: Scope,
): CompiledExpression | undefined {
  const compiled = compileExpression(cel, scope.types, scope.checks)
  if (compiled.ok) return compiled
  for (const { rule, message, start, end } of compiled.problems) {
    const cut = rule === 'expression-syntax' && scalar.commented ? CUT : ''
    const span = spanWithin(scalar, context.reporter.source.text, offset + start, offset + end)
    context.reporter.error(rule, span, message + cut)
  }
  return undefined
}

const CUT = ' YAML cuts the text at " #": put the expression in quotes, or write it on the next line after "|".'

/** An expression of which YAML may have taken the end for a comment, and which is one without it too. */
function warnOfCut(context: Context, scalar: ScalarTree): void {
  const comment = commentBehind(scalar, context.reporter.source.text)
  if (!comment || !/&&|\|\||[=!<>]=|\)\s*$/.test(comment.text)) return
  const message = `This is a comment to YAML, and no part of the expression.${CUT}`
  context.reporter.warning('cut-by-comment', comment, message)
}

/** A bare expression that must be true or false. */
export function condition(
  context: Context,
  scalar: ScalarTree | undefined,
  scope: Scope,
): CompiledExpression | undefined {
  if (!scalar) return undefined
  const cel = String(scalar.value).trim()
  const compiled = expressionAt(context, scalar, cel, leading(scalar), scope)
  if (!compiled) return undefined
  warnOfCut(context, scalar)
  const { type } = compiled
  if (type === 'bool' || type === 'dyn') return compiled
  if (isNullable(type) && type.nullable === 'bool')
    context.reporter.error('may-be-null', scalar, `${cel} may be null. Say what then: (${cel}).orElse(false).`)
  else context.reporter.error('not-a-condition', scalar, notCondition(cel, type))
  return undefined
}

/** A bare expression that must give a list. */
export function listExpression(
  context: Context,
  scalar: ScalarTree | undefined,
  scope: Scope,
): (CompiledExpression & { element: Type }) | undefined {
  if (!scalar) return undefined
  const compiled = expressionAt(context, scalar, String(scalar.value).trim(), leading(scalar), scope)
  if (!compiled) return undefined
  warnOfCut(context, scalar)
  if (compiled.type === 'dyn') return { ...compiled, element: 'dyn' }
  if (isList(compiled.type)) return { ...compiled, element: compiled.type.list }
  const message = 'A list is needed here: the things that are affected, such as runs.rows.filter(r, …).'
  context.reporter.error('type-mismatch', scalar, message)
  return undefined
}

function leading(scalar: ScalarTree): number {
  const text = String(scalar.value)
  return text.length - text.trimStart().length
}
