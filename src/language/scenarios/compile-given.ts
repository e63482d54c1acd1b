import type { Json, JsonObject } from '../../core/json.ts'
import type { Plan, PlanCheck, Type } from '../../core/plan.ts'
import { violation } from '../compile/inputs.ts'
import { didYouMean } from '../../core/nearest.ts'
import { isList, isObject } from '../expressions/types.ts'
import type { Span } from '../parse/source.ts'
import { dataOf, describe } from '../parse/tree.ts'
import type { Entry, MapTree, Tree } from '../parse/tree.ts'
import type { Reporter } from '../problems.ts'
import { readSection } from '../structure/read.ts'
import type { Section } from '../structure/section.ts'
import { complete, explainMissing, readResult } from './read-result.ts'
import type { Phase } from './scenario.ts'

/** What `given` says, as it stands: of the whole file, or of one scenario. */
interface Given {
  inputs: MapTree | undefined
  checks: Map<string, Entry>
  rows: Map<string, JsonObject>
}

/** Reads what scenarios are given. What the file gives holds where a scenario says nothing else. */
export class GivenReader {
  readonly #reporter: Reporter
  readonly #plan: Plan
  readonly #types: Map<string, Type | 'ambiguous'>
  /** Checks whose results are malformed somewhere: what is missing of them then is no second problem. */
  readonly #malformed = new Set<string>()
  readonly #file: Given

  constructor(reporter: Reporter, plan: Plan, file: Section | undefined) {
    this.#reporter = reporter
    this.#plan = plan
    this.#types = resultTypes(plan)
    this.#file = this.#read(file)
  }

  /** The inputs, and what each check finds. */
  of(section: Section | undefined): { inputs: JsonObject; checks: Map<string, Phase[]> } {
    const own = this.#read(section)
    const checks = new Map<string, Phase[]>()
    for (const name of new Set([...this.#file.checks.keys(), ...own.checks.keys()])) {
      const phases = this.#phases(name, own)
      if (phases) checks.set(name, phases)
    }
    return { inputs: this.#inputs(own.inputs), checks }
  }

  #read(section: Section | undefined): Given {
    const checks = new Map<string, Entry>()
    for (const entry of section?.map('checks')?.entries.values() ?? [])
      if (this.#typeOf(entry) !== undefined) checks.set(entry.name, entry)
    const rows = new Map<string, JsonObject>()
    for (const entry of section?.map('rows')?.entries.values() ?? []) {
      const type = this.#typeOf(entry)
      const row = type && isObject(type) ? type.object['rows'] : undefined
      if (!type) continue
      if (entry.value.kind === 'map' && row && isList(row))
        rows.set(entry.name, this.#typed(entry.name, entry.value, row.list, `${entry.name}.rows[]`))
      else this.#reporter.error('wrong-form', entry.key, `"${entry.name}" has no rows, or there are no fields here.`)
    }
    return { inputs: section?.map('inputs'), checks, rows }
  }

  #typed(check: string, tree: MapTree, type: Type, path: string): JsonObject {
    const before = this.#reporter.problems.length
    const read = readResult(this.#reporter, tree, type, path)
    if (this.#reporter.problems.length > before) this.#malformed.add(check)
    return read
  }

  /** The type of the named check's result; reported where there is none. */
  #typeOf({ name, key }: { name: string; key: Span }): Type | undefined {
    const type = this.#types.get(name)
    if (type === 'ambiguous') {
      const known = [...this.#types.keys()].filter((other) => other.endsWith(`/${name}`))
      const message = `There are different checks "${name}": say which, ${known.join(' or ')}.`
      this.#reporter.error('unknown-name', key, message)
      return undefined
    }
    if (type !== undefined) return type
    const known = [...this.#types.keys()].filter((other) => !other.includes('/'))
    const message = `There is no check "${name}" in this runbook.${didYouMean(name, this.#types.keys())} (checks: ${known.join(', ')})`
    this.#reporter.error('unknown-name', key, message)
    return undefined
  }

  #phases(name: string, own: Given): Phase[] | undefined {
    const [common, special] = [this.#file.checks.get(name), own.checks.get(name)]
    const entry = special ?? common!
    const type = this.#types.get(name) as Type
    const base = special && common?.value.kind === 'map' ? this.#typed(name, common.value, type, name) : {}
    const rows = { ...this.#file.rows.get(name), ...own.rows.get(name) }
    const found = (tree: MapTree, at: Span) => this.#found({ ...base }, tree, type, name, rows, at)
    const { value, key } = entry
    const always = (what: Phase['found'] | undefined) => what && [{ from: 'opened' as const, afterMs: 0, found: what }]
    if (value.kind === 'map') return always(found(value, key))
    if (value.kind === 'list') return this.#listed(value.items, found)
    if (value.value === 'failed') return always({ failed: 'the check failed' })
    if (value.value === 'timeout') return always({ failed: 'no result in time' })
    const message = `"${name}" must be a result, the word failed or timeout, or a list of phases; here is ${describe(value)}.`
    this.#reporter.error('wrong-form', value.end > value.start ? value : key, message)
    return undefined
  }

  #found(
    base: JsonObject,
    tree: MapTree,
    type: Type,
    name: string,
    rows: JsonObject,
    at: Span,
  ): JsonObject | undefined {
    const given = this.#typed(name, tree, type, name)
    if (this.#malformed.has(name)) return undefined
    const { result, missing } = complete({ ...base, ...given }, type, rows)
    if (missing.length === 0) return result
    this.#reporter.error('missing-result', at, explainMissing(name, missing))
    return undefined
  }

  #listed(items: Tree[], found: (tree: MapTree, at: Span) => JsonObject | undefined): Phase[] | undefined {
    const phases = items.map((item) => this.#phase(item, found))
    return phases.every((phase) => phase !== undefined) ? phases : undefined
  }

  #phase(item: Tree, found: (tree: MapTree, at: Span) => JsonObject | undefined): Phase | undefined {
    const section = readSection('phase', item, this.#reporter)
    if (!section) return undefined
    const [failed, result] = [section.text('failed'), section.map('result')]
    if ((failed === undefined) === (result === undefined)) {
      const message = 'A phase has either a "result", or "failed" with the reason.'
      if (!section.has('failed') || !section.has('result') || failed !== undefined)
        this.#reporter.error('missing-field', item, message)
      return undefined
    }
    const what = failed === undefined ? found(result!, section.keyOf('result')) : { failed }
    const [remedy, round] = [section.text('remedy'), section.int('round')]
    if (remedy !== undefined) knownRemedy(this.#reporter, this.#plan, remedy, section.at('remedy'))
    return (
      what && {
        from: (section.text('from') as Phase['from'] | undefined) ?? 'opened',
        afterMs: section.duration('after') ?? 0,
        ...(remedy === undefined ? {} : { remedy }),
        ...(round === undefined ? {} : { round }),
        found: what,
      }
    )
  }

  #inputs(own: MapTree | undefined): JsonObject {
    const inputs: JsonObject = {}
    for (const [name, spec] of Object.entries(this.#plan.inputs)) inputs[name] = spec.default ?? null
    for (const { name, key, value } of [
      ...(this.#file.inputs?.entries.values() ?? []),
      ...(own?.entries.values() ?? []),
    ]) {
      const spec = Object.hasOwn(this.#plan.inputs, name) ? this.#plan.inputs[name] : undefined
      const given = dataOf(value)
      const known = Object.keys(this.#plan.inputs)
      if (!spec)
        this.#reporter.error('unknown-name', key, `There is no input "${name}".${didYouMean(name, known)} (${known})`)
      else if (given !== null) {
        const why = violation(spec, given)
        if (why) this.#reporter.error('bad-input', value, `The input "${name}" ${why}.`)
        else inputs[name] = given as Json
      }
    }
    return inputs
  }
}

/** What each check's result is: by its name, and where it belongs to a remedy also by `<remedy>/<name>`. */
function resultTypes(plan: Plan): Map<string, Type | 'ambiguous'> {
  const types = new Map<string, Type | 'ambiguous'>(plan.checks.map((check) => [check.name, check.result]))
  for (const { remedy, check } of remedyChecks(plan)) {
    types.set(`${remedy}/${check.name}`, check.result)
    const other = types.get(check.name)
    const same = other === undefined || JSON.stringify(other) === JSON.stringify(check.result)
    types.set(check.name, same ? check.result : 'ambiguous')
  }
  return types
}

/** The checks with which remedies are verified and waited for. */
function remedyChecks(plan: Plan): { remedy: string; check: PlanCheck }[] {
  return Object.values(plan.remedies).flatMap(({ name: remedy, verify, actions }) =>
    [...verify.checks, ...actions.flatMap((action) => action.wait?.checks ?? [])].map((check) => ({ remedy, check })),
  )
}

export function knownRemedy(reporter: Reporter, plan: Plan, remedy: string, at: Span): void {
  const known = Object.keys(plan.remedies)
  if (known.includes(remedy)) return
  const message = `There is no remedy "${remedy}".${didYouMean(remedy, known)} (remedies: ${known.join(', ')})`
  reporter.error('unknown-remedy', at, message)
}
