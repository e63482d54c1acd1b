import { expandNames, type Definition, type Expanded } from '../expressions/expand-names.ts'
import { MAX_EXPRESSION_LENGTH } from '../expressions/parse.ts'
import type { Span } from '../parse/source.ts'
import type { MapTree, ScalarTree } from '../parse/tree.ts'
import type { Reporter } from '../problems.ts'

/** One entry of `let`. */
export interface NamedExpression extends Definition {
  key: Span
  /** The parsed expression. Absent if the value is not an expression. */
  scalar: ScalarTree | undefined
  expanded: Expanded
}

/**
 * The names of `let`. A plan does not know them: each use is replaced by its expression when the runbook is compiled, so what is evaluated,
 * shown, stored and digested is always the whole expression.
 */
export class Names {
  readonly #entries = new Map<string, NamedExpression>()
  /** The names whose expression has problems. The problems are reported once, at the expression. */
  readonly #broken = new Set<string>()
  readonly #used = new Set<string>()

  /**
   * Reads the entries in their order. Each entry can use only the names above it, so no name can depend on itself. `taken`: names that the
   * runbook uses for something else.
   */
  constructor(reporter: Reporter, tree: MapTree | undefined, taken: (name: string) => boolean) {
    const all = [...(tree?.entries.values() ?? [])].filter(({ name, key }) => {
      if (taken(name))
        reporter.error('name-taken', key, `"${name}" already has a meaning in expressions. Choose another name.`)
      return !taken(name)
    })
    const known = new Set(all.map(({ name }) => name))
    for (const { name, key, value } of all) {
      // A value that is not an expression was reported when the structure was read.
      const scalar = value.kind === 'scalar' && value.value !== null ? value : undefined
      if (!scalar) this.#broken.add(name)
      const expanded = this.expand(scalar ? expressionIn(scalar) : 'null')
      const below = [...expanded.reads].find((read) => known.has(read) && !this.#entries.has(read))
      if (scalar && below !== undefined) {
        const why = below === name ? 'uses itself' : `uses "${below}", which is below it`
        reporter.error('unknown-name', scalar, `"${name}" ${why}. A name of "let" can use only the names above it.`)
        this.#broken.add(name)
      }
      // An expression that is too long is refused when its type is checked. The names below must not repeat its text.
      const cel = expanded.cel.length > MAX_EXPRESSION_LENGTH ? 'null' : expanded.cel
      this.#entries.set(name, { cel, reads: expanded.reads, key, scalar, expanded })
    }
  }

  get entries(): ReadonlyMap<string, NamedExpression> {
    return this.#entries
  }

  expand(cel: string): Expanded {
    const expanded = expandNames(cel, this.#entries)
    for (const name of expanded.used) this.#used.add(name)
    return expanded
  }

  isUsed(name: string): boolean {
    return this.#used.has(name)
  }

  isBroken(name: string): boolean {
    return this.#broken.has(name)
  }

  markBroken(name: string): void {
    this.#broken.add(name)
  }

  /** The names of this list whose expressions read only names of `types`. */
  usableWith(types: Record<string, unknown>): string[] {
    return [...this.#entries]
      .filter(([, { reads }]) => [...reads].every((read) => Object.hasOwn(types, read)))
      .map(([name]) => name)
  }
}

/** The expression of a scalar without the white space around it. */
export function expressionIn(scalar: ScalarTree): string {
  return String(scalar.value).trim()
}
