import type { PlanCheck, Type } from '../../core/plan.ts'
import { didYouMean } from '../../core/nearest.ts'
import { GROWS, SHRINKS } from '../expressions/polarity.ts'
import type { Kind } from '../kinds/kind.ts'
import type { Span } from '../parse/source.ts'
import type { NamedSection } from '../structure/section.ts'
import type { Context, Scope } from './context.ts'
import { compileParameters, hasParameterOutside, resultOf } from './compile-parameters.ts'

export interface CompiledChecks {
  /** The checks in order: each check comes after the checks that it needs. */
  checks: PlanCheck[]
  /** The base scope together with the results of the checks. */
  scope: Scope
}

/** Names that have another meaning in expressions, and reserved words of CEL. */
const RESERVED = new Set(
  (
    'inputs affects targets result true false null in as break const continue else for function if import let loop package ' +
    'namespace return var void while has cel google string int uint double bool bytes list map type'
  ).split(' '),
)

export function isReserved(name: string): boolean {
  return RESERVED.has(name)
}

/** Compiles checks, whose parameters can read `base` and the results of the other checks. */
export function compileChecks(context: Context, named: NamedSection[], base: Scope): CompiledChecks {
  const kinds = named.map((check) => kindOf(context, check))
  const types: Record<string, Type> = { ...base.types }
  for (const [i, { name, key, section }] of named.entries()) {
    if (isReserved(name) || Object.hasOwn(base.types, name))
      context.reporter.error('name-taken', key, `"${name}" already has a meaning in expressions. Choose another name.`)
    if (name === 'verdict')
      context.reporter.error(
        'name-taken',
        key,
        '"verdict" is where the result of "verify" is stored. Choose another name.',
      )
    const kind = kinds[i]
    types[name] = kind && !hasParameterOutside(kind, section) ? resultOf(kind, section.map('with')) : 'dyn'
  }
  const siblings = { ...base.checks.checks, ...Object.fromEntries(named.map(({ name }) => [name, [] as string[]])) }
  const partial = {
    ...base.checks.partial,
    ...Object.fromEntries(named.map(({ name }, i) => [name, partialOf(kinds[i])])),
  }
  const scope: Scope = { types, checks: { checks: siblings, partial } }
  const found: { check: PlanCheck; key: Span }[] = []
  for (const [i, { name, key, section }] of named.entries()) {
    const kind = kinds[i]
    if (!kind) continue
    const compiled = compileParameters(context, kind, section.map('with'), key, scope, (field) => section.has(field))
    const check: PlanCheck = {
      name,
      kind: kind.name,
      with: compiled.with,
      needs: compiled.checks,
      timeoutMs: section.duration('timeout') ?? kind.timeoutMs,
      retries: section.int('retry') ?? 0,
      result: types[name]!,
    }
    found.push({ check, key })
  }
  const checks = orderByNeeds(context, found)
  return { checks, scope: { types, checks: { checks: ancestors(checks, siblings), partial } } }
}

const BITS = { grows: GROWS, shrinks: SHRINKS, changes: GROWS | SHRINKS }

function partialOf(kind: Kind | undefined): Record<string, number> {
  return Object.fromEntries(Object.entries(kind?.partial ?? {}).map(([field, more]) => [field, BITS[more]]))
}

function kindOf(context: Context, { section }: NamedSection) {
  const name = section.text('check')
  if (name === undefined) return undefined
  const kind = context.checks.get(name)
  if (kind) return kind
  if (context.actions.has(name)) {
    const message = `${name} changes data, and checks only read. Use it as an action of a remedy.`
    context.reporter.error('write-in-diagnose', section.at('check'), message)
  } else {
    const known = [...context.checks.keys()]
    const hint = `${didYouMean(name, known)} (kinds: ${known.join(', ')})`
    context.reporter.error('unknown-check', section.at('check'), `There is no check "${name}".${hint}`)
  }
  return undefined
}

/** Orders the checks so that each comes after the checks that it needs. Reports each cycle once. */
function orderByNeeds(context: Context, found: { check: PlanCheck; key: Span }[]): PlanCheck[] {
  const byName = new Map(found.map((one) => [one.check.name, one]))
  const state = new Map<string, 'open' | 'done'>()
  const ordered: PlanCheck[] = []
  const visit = (name: string, path: string[]): void => {
    const one = byName.get(name)
    if (!one || state.get(name) === 'done') return
    if (state.get(name) === 'open') {
      const cycle = [...path.slice(path.indexOf(name)), name].join(' → ')
      context.reporter.error('cyclic-checks', one.key, `These checks need each other, so none can run first: ${cycle}.`)
      return
    }
    state.set(name, 'open')
    for (const need of one.check.needs) visit(need, [...path, name])
    state.set(name, 'done')
    ordered.push(one.check)
  }
  for (const { check } of found) visit(check.name, [])
  return ordered
}

function ancestors(
  checks: PlanCheck[],
  known: Readonly<Record<string, readonly string[]>>,
): Record<string, readonly string[]> {
  const all: Record<string, readonly string[]> = { ...known }
  for (const { name, needs } of checks)
    all[name] = [...new Set(needs.flatMap((need) => [need, ...(Object.hasOwn(all, need) ? all[need]! : [])]))]
  return all
}
