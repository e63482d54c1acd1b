import type { JsonObject } from '../../core/json.ts'
import type { Plan, Type } from '../../core/plan.ts'
import { violation } from '../compile/inputs.ts'
import { defined } from '../../core/defined.ts'
import { didYouMean } from '../../core/nearest.ts'
import { isList, isObject } from '../expressions/types.ts'
import type { Kind } from '../kinds/kind.ts'
import type { Span } from '../parse/source.ts'
import { dataOf, describe } from '../parse/tree.ts'
import type { Entry, MapTree, Tree } from '../parse/tree.ts'
import type { Reporter } from '../problems.ts'
import { readSection } from '../structure/read.ts'
import type { Section } from '../structure/section.ts'
import { healthyValues, resultTypes } from './check-results.ts'
import { complete, explainMissing, readResult } from './read-result.ts'
import type { Phase } from './scenario.ts'

/** A `given` section as written: the section of the whole file, or of one scenario. */
interface Given {
  inputs: MapTree | undefined
  checks: Map<string, Entry>
  rows: Map<string, JsonObject>
}

/** Reads the `given` sections of a scenario file. Fields of a scenario replace those of the file. */
export class GivenReader {
  readonly #reporter: Reporter
  readonly #plan: Plan
  readonly #types: Map<string, Type | 'ambiguous'>
  readonly #healthy: ReadonlyMap<string, Kind['healthy']>
  /** Checks with a malformed result. For these checks, missing fields are not reported in addition. */
  readonly #malformed = new Set<string>()
  readonly #file: Given

  constructor(reporter: Reporter, plan: Plan, file: Section | undefined) {
    this.#reporter = reporter
    this.#plan = plan
    this.#types = resultTypes(plan)
    this.#healthy = healthyValues(plan)
    this.#file = this.#read(file)
  }

  /** The inputs and the phases of each check in one scenario. */
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
      if (!type) continue
      const rowsType = isObject(type) ? type.object['rows'] : undefined
      if (entry.value.kind === 'map' && rowsType && isList(rowsType))
        rows.set(entry.name, this.#readTyped(entry.name, entry.value, rowsType.list, `${entry.name}.rows[]`))
      else this.#reporter.error('wrong-form', entry.key, rowsProblem(entry))
    }
    return { inputs: section?.map('inputs'), checks, rows }
  }

  #readTyped(check: string, tree: MapTree, type: Type, path: string): JsonObject {
    const before = this.#reporter.problems.length
    const read = readResult(this.#reporter, tree, type, path)
    if (this.#reporter.problems.length > before) this.#malformed.add(check)
    return read
  }

  /** The result type of the named check. Reports an unknown or ambiguous name. */
  #typeOf({ name, key }: { name: string; key: Span }): Type | undefined {
    const type = this.#types.get(name)
    if (type === 'ambiguous') {
      const known = [...this.#types.keys()].filter((other) => other.endsWith(`/${name}`))
      const message = `Several remedies have a check "${name}", with different results. Write ${known.join(' or ')}.`
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
    const [fileEntry, ownEntry] = [this.#file.checks.get(name), own.checks.get(name)]
    const entry = ownEntry ?? fileEntry!
    const type = this.#types.get(name) as Type
    const base = ownEntry && fileEntry?.value.kind === 'map' ? this.#readTyped(name, fileEntry.value, type, name) : {}
    const rows = { ...this.#file.rows.get(name), ...own.rows.get(name) }
    const read: ResultReader = (tree, at) => this.#result({ ...base }, tree, type, name, rows, at)
    const { value, key } = entry
    const always = (result: Phase['result'] | undefined) => result && [{ from: 'opened' as const, afterMs: 0, result }]
    if (value.kind === 'map') return always(read(value, key))
    if (value.kind === 'list') return this.#phaseList(value.items, read)
    if (value.value === 'failed') return always({ failed: 'the check failed' })
    if (value.value === 'timeout') return always({ failed: 'no result in time' })
    const message = `"${name}" must be a result, "failed", "timeout" or a list of phases, but found ${describe(value)}.`
    this.#reporter.error('wrong-form', value.end > value.start ? value : key, message)
    return undefined
  }

  #result(
    base: JsonObject,
    tree: MapTree,
    type: Type,
    name: string,
    rows: JsonObject,
    at: Span,
  ): JsonObject | undefined {
    const fields = this.#readTyped(name, tree, type, name)
    if (this.#malformed.has(name)) return undefined
    const { result, missing } = complete({ ...base, ...fields }, type, rows, this.#healthy.get(name))
    if (missing.length === 0) return result
    this.#reporter.error('missing-result', at, explainMissing(name, missing))
    return undefined
  }

  #phaseList(items: Tree[], read: ResultReader): Phase[] | undefined {
    const phases = items.map((item) => this.#phase(item, read))
    return phases.every((phase) => phase !== undefined) ? phases : undefined
  }

  #phase(item: Tree, read: ResultReader): Phase | undefined {
    const section = readSection('phase', item, this.#reporter)
    if (!section) return undefined
    const [failed, tree] = [section.text('failed'), section.map('result')]
    if ((failed === undefined) === (tree === undefined)) {
      const message = 'A phase needs either "result", or "failed" with the reason.'
      if (!section.has('failed') || !section.has('result') || failed !== undefined)
        this.#reporter.error('missing-field', item, message)
      return undefined
    }
    const result = failed === undefined ? read(tree!, section.keyOf('result')) : { failed }
    const [remedy, round, action] = [section.text('remedy'), section.int('round'), section.text('action')]
    if (remedy !== undefined) checkRemedy(this.#reporter, this.#plan, remedy, section.at('remedy'))
    if (action !== undefined) checkAction(this.#reporter, this.#plan, action, section.at('action'))
    return (
      result && {
        from: (section.text('from') as Phase['from'] | undefined) ?? 'opened',
        afterMs: section.duration('after') ?? 0,
        ...defined({ remedy, round, action }),
        result,
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
      const data = dataOf(value)
      const known = Object.keys(this.#plan.inputs)
      if (!spec)
        this.#reporter.error(
          'unknown-name',
          key,
          `There is no input "${name}".${didYouMean(name, known)} (inputs: ${known.join(', ')})`,
        )
      else if (data !== null) {
        const why = violation(spec, data)
        if (why) this.#reporter.error('bad-input', value, `The input "${name}" ${why}.`)
        else inputs[name] = data
      }
    }
    return inputs
  }
}

/** Reads one result of a check; undefined if it is malformed or incomplete, which is reported. */
type ResultReader = (tree: MapTree, at: Span) => JsonObject | undefined

function rowsProblem({ name, value }: Entry): string {
  return value.kind === 'map'
    ? `The result of "${name}" has no rows, so it has no defaults for rows.`
    : `"${name}" must hold the default fields of its rows, but found ${describe(value)}.`
}

/** Reports an action that no remedy has: neither as a kind, nor as a number and a kind. */
export function checkAction(reporter: Reporter, plan: Plan, action: string, at: Span): void {
  const actions = Object.values(plan.remedies).flatMap((remedy) => remedy.actions)
  if (actions.some(({ id, kind }) => action === kind || action === id)) return
  const known = [...new Set(actions.map(({ kind }) => kind))]
  const message = `No remedy of this runbook has an action "${action}".${didYouMean(action, known)} (actions: ${known.join(', ')})`
  reporter.error('unknown-action', at, message)
}

/** Reports a remedy that the runbook does not have. */
export function checkRemedy(reporter: Reporter, plan: Plan, remedy: string, at: Span): void {
  const known = Object.keys(plan.remedies)
  if (known.includes(remedy)) return
  const message = `There is no remedy "${remedy}".${didYouMean(remedy, known)} (remedies: ${known.join(', ')})`
  reporter.error('unknown-remedy', at, message)
}
