import type { ActionAccess, PlanAction, PlanCheck, Type } from '../../core/plan.ts'
import { didYouMean } from '../../core/nearest.ts'
import type { Kind } from '../kinds/kind.ts'
import type { Section } from '../structure/section.ts'
import { compileChecks } from './checks.ts'
import type { CompiledChecks } from './checks.ts'
import { condition } from './context.ts'
import type { Context, Scope } from './context.ts'
import { compileParameters, resultOf } from './compile-parameters.ts'

export const DEFAULT_POLL_MS = 5_000

export interface ActionScopes {
  /** The scope of an action on each target, which includes the name in `for`. */
  perTarget: Scope
  /** The scope of an action with `once`, in which the items are known only as `affects`. */
  once: Scope
  /** The scope of `wait`, with `inputs` and `targets`. */
  afterwards: Scope
  /** The checks that `wait` can run again. */
  diagnosis: CompiledChecks
}

/** The kind and the plan of an action; undefined if the kind is unknown. */
export function compileAction(
  context: Context,
  section: Section,
  index: number,
  scopes: ActionScopes,
  forName: string | undefined,
): { kind: Kind; action: PlanAction } | undefined {
  const kind = actionKind(context, section)
  if (!kind) return undefined
  const once = section.bool('once') ?? false
  const scope = once ? scopes.once : scopes.perTarget
  const compiled = compileParameters(context, kind, section.map('with'), section.at('action'), scope, (name) =>
    section.has(name),
  )
  if (forName !== undefined && !once) checkNamesTarget(context, kind, section, compiled.names, forName)
  if (forName !== undefined && once) checkOnceWithoutAffects(context, kind, section, compiled.names)
  const action: PlanAction = {
    id: `${index}-${kind.name}`,
    kind: kind.name,
    access: accessOf(kind),
    with: compiled.with,
    once,
    timeoutMs: section.duration('timeout') ?? kind.timeoutMs,
  }
  const applies = condition(context, section.scalar('if'), scope)
  if (applies) action.if = applies.expression
  const result: Record<string, Type> = { result: resultOf(kind, section.map('with')) }
  const expect = condition(context, section.scalar('expect'), { types: result, checks: { checks: {} } })
  if (expect) action.expect = expect.expression
  const wait = section.section('wait')
  if (wait) {
    const polled = compilePolled(context, wait, scopes.afterwards, scopes.diagnosis)
    if (polled) action.wait = polled
  }
  const batches = section.section('batches')
  if (batches) action.batches = { size: batches.int('size') ?? 1, everyMs: batches.duration('every') ?? 1 }
  if (batches && once)
    context.reporter.error(
      'batches-once',
      section.keyOf('batches'),
      'An action with "once" runs only once, so it cannot have "batches".',
    )
  return { kind, action }
}

/** An action that is done for each target must use the target, because otherwise it would change the same thing for all targets. */
function checkNamesTarget(
  { reporter }: Context,
  { name: kind, targetParameter }: Kind,
  section: Section,
  names: Record<string, string[]>,
  target: string,
): void {
  const parameters = section.map('with')?.entries
  if (targetParameter === undefined || !parameters) return
  const isMalformed = parameters.has(targetParameter) && !Object.hasOwn(names, targetParameter)
  if (isMalformed || names[targetParameter]?.includes(target)) return
  const at = parameters.get(targetParameter)?.key ?? section.at('action')
  const message = `"${targetParameter}" does not use ${target}, so this ${kind} would be the same for every target. Use ${target} in it, or write "once: true".`
  reporter.error('target-not-named', at, message)
}

/**
 * A write with `once` must not use `affects`, which can have more items than were proposed and approved. In a message or a manual step it
 * changes whenever an item is added, and then the approval does not count any more.
 */
function checkOnceWithoutAffects(
  { reporter }: Context,
  { name: kind, access }: Kind,
  section: Section,
  names: Record<string, string[]>,
): void {
  const name = Object.keys(names).find((parameter) => names[parameter]!.includes('affects'))
  if (name === undefined) return
  const at = section.map('with')?.entries.get(name)?.key ?? section.at('action')
  if (access !== 'write') {
    const advice = `"${name}" uses "affects". If an item is added or removed before the remedy begins, this ${kind} is not what was approved, so nothing is done and a new approval is needed. Leave out what can change, such as the number of items.`
    reporter.warning('once-changes', at, advice)
    return
  }
  const message = `This ${kind} runs once, and "${name}" uses "affects", which can have more items than were proposed and approved. Remove "once" and use the target instead.`
  reporter.error('once-for-affects', at, message)
}

function actionKind(context: Context, section: Section): Kind | undefined {
  const name = section.text('action')
  if (name === undefined) return undefined
  const kind = context.actions.get(name)
  if (kind) return kind
  if (context.checks.has(name)) {
    const message = `${name} is a check: it belongs in "diagnose", or in the "checks" of "verify" and "wait".`
    context.reporter.error('unknown-action', section.at('action'), message)
  } else {
    const known = [...context.actions.keys()]
    const hint = `${didYouMean(name, known)} (kinds: ${known.join(', ')})`
    context.reporter.error('unknown-action', section.at('action'), `There is no action "${name}".${hint}`)
  }
  return undefined
}

/**
 * Compiles the common part of `verify` and `wait`: the checks to run in each sample (those of the diagnosis, `again`, and further checks),
 * and a condition that must read one of them. `scope` has `inputs` and `targets`.
 */
export function compilePolled(
  context: Context,
  section: Section,
  scope: Scope,
  diagnosis: CompiledChecks,
): NonNullable<PlanAction['wait']> | undefined {
  const again = checksToRepeat(context, section, diagnosis)
  const { checks: own, scope: inner } = compileChecks(
    context,
    section.named('checks'),
    scopeWithChecks(scope, diagnosis, again),
  )
  const until = condition(context, section.scalar('until'), inner)
  if (!until) return undefined
  if (until.expression.checks.length === 0) {
    const message =
      'This condition reads no check, so every sample would give the same value. Use a check of "again" or "checks" in it.'
    context.reporter.error('until-reads-nothing', section.at('until'), message)
  }
  const everyMs = section.duration('every') ?? DEFAULT_POLL_MS
  const checks = [...again, ...own]
  return { checks, until: until.expression, everyMs, withinMs: section.duration('within') ?? everyMs }
}

/** The checks of `again` and all the checks that these need, in the order of the diagnosis. */
function checksToRepeat(context: Context, section: Section, { checks }: CompiledChecks): PlanCheck[] {
  const known = checks.map(({ name }) => name)
  const wanted = new Set<string>()
  for (const scalar of section.names('again')) {
    const name = String(scalar.value)
    if (known.includes(name)) wanted.add(name)
    else {
      const message = `"diagnose" has no check "${name}".${didYouMean(name, known)} (checks: ${known.join(', ')})`
      context.reporter.error('unknown-name', scalar, message)
    }
  }
  for (const check of checks.toReversed()) if (wanted.has(check.name)) for (const need of check.needs) wanted.add(need)
  return checks.filter(({ name }) => wanted.has(name))
}

/** The scope extended by the results of these checks of the diagnosis. */
function scopeWithChecks(scope: Scope, { scope: diagnosed }: CompiledChecks, again: PlanCheck[]): Scope {
  const names = again.map(({ name }) => name)
  const of = <T>(record: Readonly<Record<string, T>> | undefined): Record<string, T> =>
    Object.fromEntries(names.flatMap((name) => (record && Object.hasOwn(record, name) ? [[name, record[name]!]] : [])))
  return {
    types: { ...scope.types, ...of(diagnosed.types) },
    checks: { ...scope.checks, checks: of(diagnosed.checks.checks), partial: of(diagnosed.checks.partial) },
  }
}

/** The access of an action. The table of actions contains no kind that only reads. */
function accessOf({ name, access }: Kind): ActionAccess {
  if (access === 'read') throw new TypeError(`${name} is a check, not an action`)
  return access
}
