import type { Ending, Plan, PlanCause, Type, Value } from '../../core/plan.ts'
import { defined } from '../../core/defined.ts'
import { didYouMean } from '../../core/nearest.ts'
import type { Effects } from '../expressions/polarity.ts'
import type { ScalarTree } from '../parse/tree.ts'
import type { Section } from '../structure/section.ts'
import { condition, listExpression, scopeWith } from './context.ts'
import type { Context, Scope } from './context.ts'
import { compileTemplate, compileValue } from './compile-values.ts'

/** The facts that the compiler of a remedy needs about the causes that name the remedy. */
export interface CompiledCause {
  cause: PlanCause
  /** The type of one affected item; absent without `affects`. */
  element?: Type
  affects?: { checks: readonly string[]; effects: Effects }
  /** The place of the remedy's name. */
  remedyAt: ScalarTree | undefined
}

export function compileCauses(
  context: Context,
  sections: Section[],
  scope: Scope,
  remedies: string[],
): CompiledCause[] {
  const seen = new Set<string>()
  const causes: CompiledCause[] = []
  for (const [i, section] of sections.entries()) {
    const name = section.text('cause')
    if (name !== undefined && seen.has(name))
      context.reporter.error('duplicate-name', section.at('cause'), `There are two causes "${name}".`)
    if (name !== undefined) seen.add(name)
    if (!section.has('when') && !section.has('affects') && i < sections.length - 1)
      context.reporter.warning(
        'unreachable-cause',
        section.at('cause'),
        'This cause always holds, so the causes after it are never treated. Give it a "when", or move it to the end.',
      )
    causes.push(compileCause(context, section, scope, remedies))
  }
  return causes
}

function compileCause(context: Context, section: Section, scope: Scope, remedies: string[]): CompiledCause {
  const when = condition(context, section.scalar('when'), scope)
  const affects = listExpression(context, section.scalar('affects'), scope)
  const derived = affects && { checks: affects.expression.checks, effects: affects.effects }
  const inner = affects || section.has('affects') ? withAffects(scope, affects?.element ?? 'dyn', derived) : scope
  const because = section.scalar('because')
  const cause: PlanCause = {
    name: section.text('cause') ?? '',
    title: section.text('title') ?? '',
    because: (because && compileTemplate(context, because, inner)?.value) ?? { lit: '' },
    despite: despite(context, section, scope),
    then: compileThen(context, section, inner, remedies),
  }
  if (when) cause.when = when.expression
  if (affects) {
    cause.affects = affects.expression
    cause.affectsItem = affects.element
  }
  const remedyAt = section.at('remedy') as ScalarTree
  return {
    cause,
    remedyAt: section.has('remedy') ? remedyAt : undefined,
    ...defined({ element: section.has('affects') ? (affects?.element ?? 'dyn') : undefined, affects: derived }),
  }
}

/** The scope with `affects`. The rows of `affects` come from the checks that its expression reads. */
export function withAffects(scope: Scope, element: Type, derived: CompiledCause['affects']): Scope {
  const inner = scopeWith(scope, { affects: { list: element } })
  return { types: inner.types, checks: { ...scope.checks, ...(derived ? { derived: { affects: derived } } : {}) } }
}

function despite(context: Context, section: Section, scope: Scope): string[] {
  const known = Object.keys(scope.checks.checks)
  return section.names('despite').flatMap((scalar) => {
    const name = String(scalar.value)
    if (known.includes(name)) return [name]
    context.reporter.error('unknown-name', scalar, `There is no check "${name}".${didYouMean(name, known)}`)
    return []
  })
}

function compileThen(context: Context, section: Section, scope: Scope, remedies: string[]): PlanCause['then'] {
  const remedy = section.text('remedy')
  if (section.has('remedy') === section.has('handoff')) {
    const message = section.has('remedy')
      ? 'A cause has either "remedy" or "handoff", not both.'
      : 'A cause needs "remedy" (a name, escalate or none) or "handoff".'
    context.reporter.error('missing-remedy', section.at('cause'), message)
  }
  const handoff = section.section('handoff')
  if (handoff) return compileHandoff(context, handoff, scope)
  if (remedy === 'escalate' || remedy === undefined) return { end: 'escalate' }
  if (remedy === 'none') return { end: 'no-action' }
  if (!remedies.includes(remedy)) {
    const known = [...remedies, 'escalate', 'none']
    const message = `There is no remedy "${remedy}".${didYouMean(remedy, known)} (remedies: ${known.join(', ')})`
    context.reporter.error('unknown-remedy', section.at('remedy'), message)
  }
  return { remedy }
}

function compileHandoff(context: Context, section: Section, scope: Scope): Ending {
  const inputs: Record<string, Value> = {}
  for (const { name, value } of section.map('inputs')?.entries.values() ?? []) {
    const compiled = compileValue(context, value, scope, 'dyn', `"${name}"`)
    if (compiled) inputs[name] = compiled.value
  }
  return { end: 'handoff', incident: section.text('incident') ?? '', inputs }
}

/** What to do when no cause holds. */
export function compileOtherwise(context: Context, runbook: Section, scope: Scope): Plan['otherwise'] {
  const handoff = runbook.section('otherwise')?.section('handoff')
  if (handoff) return compileHandoff(context, handoff, scope)
  return runbook.text('otherwise') === 'none' ? { end: 'no-action' } : { end: 'escalate' }
}
