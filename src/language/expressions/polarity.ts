import type { Type } from '../../core/plan.ts'
import { isLoop } from './loops.ts'
import type { Checked } from './check.ts'
import { functionNamed } from './functions.ts'
import type { Node } from './parse.ts'
import { isList, isNumber, isObject, fieldType } from './types.ts'

/**
 * How a value could change if the missing rows of a truncated result were present. Bits: it can grow (a bool from false to true, a list
 * by further items, a number upwards), or shrink. With both bits it can change in any way.
 */
export const GROWS = 1
export const SHRINKS = 2
const ANY = GROWS | SHRINKS

/** The possible changes of a value, by check. Checks that cannot change the value are omitted. */
export type Effects = ReadonlyMap<string, number>

export interface CheckScope {
  /** For each check, all checks that its parameters depend on, directly or indirectly. */
  checks: Readonly<Record<string, readonly string[]>>
  /** By check, then by field other than `rows`: how the missing rows of a truncated result could change the value (GROWS, SHRINKS or both). */
  partial?: Readonly<Record<string, Readonly<Record<string, number>>>>
  /** Names such as `affects`, whose value comes from an expression with these effects. */
  derived?: Readonly<Record<string, { checks: readonly string[]; effects: Effects }>>
}

const NONE: Effects = new Map()

export interface Analysed {
  /** The checks that the expression reads. */
  checks: string[]
  /** All names that the expression reads, except those of its own loops. */
  names: string[]
  effects: Effects
}

/** The names that an expression reads, and how missing rows of each check could change its value. */
export function analyse(checked: Checked, scope: CheckScope): Analysed {
  const analysis = new Analysis(checked.types, scope)
  const effects = analysis.visit(checked.root, [], new Set())
  return { checks: [...analysis.reads], names: [...analysis.names], effects }
}

class Analysis {
  readonly reads = new Set<string>()
  readonly names = new Set<string>()
  private readonly types: ReadonlyMap<Node, Type>
  private readonly scope: CheckScope

  constructor(types: ReadonlyMap<Node, Type>, scope: CheckScope) {
    this.types = types
    this.scope = scope
  }

  /**
   * `locals`: the names of the enclosing loops. `joined`: the checks over whose rows these loops iterate. For each of those rows the result
   * of a dependent check is complete, so missing rows of a joined check do not matter inside the loop.
   */
  visit(node: Node, locals: readonly string[], joined: ReadonlySet<string>): Effects {
    const of = (child: Node) => this.visit(child, locals, joined)
    switch (node.op) {
      case 'value':
        return NONE
      case 'id':
        return this.name(node.args, locals)
      case '.':
        return this.field(node, locals, joined)
      case '!_':
        return flip(of(node.args))
      case '-_':
        return flip(of(node.args))
      case '&&':
      case '||':
        return union(of(node.args[0]), of(node.args[1]))
      case '?:':
        return union(unknownDirection(of(node.args[0])), union(of(node.args[1]), of(node.args[2])))
      case 'list':
        return node.args.map(of).map(unknownDirection).reduce(union, NONE)
      case 'map':
        return node.args.flat().map(of).map(unknownDirection).reduce(union, NONE)
      case 'call':
        return this.call(node.args[0], node.args[1], of)
      case 'rcall':
        if (isLoop(node.args[0])) return this.loop(node.args[0], node.args[1], node.args[2], locals, joined)
        return this.call(node.args[0], [node.args[1], ...node.args[2]], of)
      default:
        return this.binary(node.op, node.args as [Node, Node], of)
    }
  }

  private name(name: string, locals: readonly string[]): Effects {
    if (locals.includes(name)) return NONE
    this.names.add(name)
    const derived = this.scope.derived
    if (derived && Object.hasOwn(derived, name)) {
      for (const check of derived[name]!.checks) this.reads.add(check)
      return derived[name]!.effects
    }
    const depends = this.read(name)
    // A whole result can change with its own rows and with those of all checks that its parameters read.
    return depends ? new Map([name, ...depends].map((check) => [check, ANY])) : NONE
  }

  private read(name: string): readonly string[] | undefined {
    if (!Object.hasOwn(this.scope.checks, name)) return undefined
    this.names.add(name)
    this.reads.add(name)
    return this.scope.checks[name]
  }

  private field(node: Node, locals: readonly string[], joined: ReadonlySet<string>): Effects {
    const [left, field] = node.args as [Node, string]
    const depends = left.op === 'id' && !locals.includes(left.args) ? this.read(left.args) : undefined
    if (!depends) return unknownDirection(this.visit(left, locals, joined))
    const type = this.types.get(left)
    const isRows = field === 'rows' && type !== undefined && isObject(type) && isList(fieldType(type, 'rows') ?? 'dyn')
    const effects = new Map<string, number>()
    for (const check of depends) if (!joined.has(check)) effects.set(check, isRows ? GROWS : ANY)
    const own = isRows ? GROWS : this.partialOf(left, field)
    if (own !== 0) effects.set((left as { args: string }).args, own)
    return effects
  }

  /** How missing rows could change a field other than `rows`. */
  private partialOf(left: Node, field: string): number {
    const name = (left as { args: string }).args
    const fields = this.scope.partial && Object.hasOwn(this.scope.partial, name) ? this.scope.partial[name]! : {}
    return Object.hasOwn(fields, field) ? fields[field]! : 0
  }

  private call(name: string, args: Node[], of: (node: Node) => Effects): Effects {
    if (name === 'has') {
      const [left] = args[0]!.args as [Node, string]
      // Which fields a check's result has does not depend on its rows.
      if (left.op === 'id') {
        of(left)
        return NONE
      }
      return unknownDirection(of(left))
    }
    const effects = args.map(of)
    const first = effects[0]
    if (functionNamed(name)!.isMonotonic && effects.length === 1 && first && this.isList(args[0]!)) return first
    return effects.map(unknownDirection).reduce(union, NONE)
  }

  private loop(
    name: string,
    over: Node,
    args: Node[],
    locals: readonly string[],
    joined: ReadonlySet<string>,
  ): Effects {
    const list = this.visit(over, locals, joined)
    const inner = [...locals, (args[0] as { args: string }).args]
    const within = new Set([...joined, ...list.keys()])
    const body = this.visit(args[1]!, inner, within)
    switch (name) {
      case 'exists':
      case 'filter':
        return union(list, body)
      case 'all':
        return union(flip(list), body)
      case 'map':
        if (!args[2]) return union(list, unknownDirection(body))
        return union(union(list, body), unknownDirection(this.visit(args[2], inner, within)))
      default:
        return unknownDirection(union(list, body))
    }
  }

  private binary(op: string, [left, right]: [Node, Node], of: (node: Node) => Effects): Effects {
    const [a, b] = [of(left), of(right)]
    if (a.size === 0 && b.size === 0) return NONE
    const numbers = this.isNumber(left) && this.isNumber(right)
    if (op === 'in') return union(unknownDirection(a), this.isList(right) ? b : unknownDirection(b))
    if (numbers && (op === '>' || op === '>=' || op === '-')) return union(a, flip(b))
    if (numbers && (op === '<' || op === '<=')) return union(flip(a), b)
    if (op === '+' && (numbers || (this.isList(left) && this.isList(right)))) return union(a, b)
    if (op === '!=' && this.isEmptiness(left, right)) return union(a, b)
    if (op === '==' && this.isEmptiness(left, right)) return flip(union(a, b))
    return unknownDirection(union(a, b))
  }

  /**
   * Whether the comparison is `size(x) == 0`, `logs.count == 0` or similar. These numbers are never below 0, so more rows can only make the
   * comparison false.
   */
  private isEmptiness(left: Node, right: Node): boolean {
    return (this.counts(left) && isZero(right)) || (isZero(left) && this.counts(right))
  }
  private counts(node: Node): boolean {
    if (isSize(node)) return true
    if (node.op !== '.') return false
    const [left, field] = node.args as [Node, string]
    return left.op === 'id' && this.types.get(node) === 'int' && this.partialOf(left, field) === GROWS
  }
  private isNumber(node: Node): boolean {
    return isNumber(this.types.get(node) ?? 'dyn')
  }
  private isList(node: Node): boolean {
    return isList(this.types.get(node) ?? 'dyn')
  }
}

const isZero = (node: Node) => node.op === 'value' && node.args === 0n
const isSize = (node: Node) => (node.op === 'call' || node.op === 'rcall') && node.args[0] === 'size'

function union(a: Effects, b: Effects): Effects {
  if (a.size === 0) return b
  if (b.size === 0) return a
  const both = new Map(a)
  for (const [check, bits] of b) both.set(check, (both.get(check) ?? 0) | bits)
  return both
}

function flip(effects: Effects): Effects {
  if (effects.size === 0) return effects
  return new Map([...effects].map(([check, bits]) => [check, ((bits & GROWS) << 1) | ((bits & SHRINKS) >> 1)]))
}

function unknownDirection(effects: Effects): Effects {
  if (effects.size === 0) return effects
  return new Map([...effects].map(([check]) => [check, ANY]))
}
