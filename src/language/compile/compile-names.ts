import type { Expression, Type } from '../../core/plan.ts'
import type { Section } from '../structure/section.ts'
import { isReserved } from './checks.ts'
import { expressionIn } from './names.ts'
import { expressionAt, leading, type Context, type Scope } from './context.ts'

/** A name of `let` with its whole expression. */
export interface NamedValue {
  name: string
  expression: Expression
  type: Type
}

/** Checks the expressions of `let` in the scope of the diagnosis. Names with problems are left out. */
export function compileNames(context: Context, scope: Scope): NamedValue[] {
  const { names } = context
  return [...names.entries].flatMap(([name, { scalar, expanded }]) => {
    if (!scalar || names.isBroken(name)) return []
    const compiled = expressionAt(context, scalar, expressionIn(scalar), leading(scalar), scope, expanded)
    if (compiled) return [{ name, expression: compiled.expression, type: compiled.type }]
    names.markBroken(name)
    return []
  })
}

/** Warns about names that nothing uses. An expression with an error may be the one that should use them. */
export function warnOfUnusedNames({ names, reporter }: Context): void {
  if (reporter.hasErrors) return
  for (const [name, { key }] of names.entries)
    if (!names.isUsed(name))
      reporter.warning('unused-name', key, `Nothing uses "${name}". Use it in an expression, or remove it.`)
}

/** The names that the runbook uses for something other than an expression: checks, the target of a remedy, and reserved names. */
export function takenNames(runbook: Section): (name: string) => boolean {
  const remedies = runbook.named('remedies').map(({ section }) => section)
  const polled = remedies.flatMap((remedy) => [
    remedy.section('verify'),
    ...remedy.list('do').map((action) => action.section('wait')),
  ])
  const checks = [runbook, ...polled].flatMap((section) => [
    ...(section?.named('diagnose') ?? []),
    ...(section?.named('checks') ?? []),
  ])
  const taken = new Set([...checks.map(({ name }) => name), ...remedies.flatMap((remedy) => remedy.text('for') ?? [])])
  return (name) => isReserved(name) || taken.has(name)
}
