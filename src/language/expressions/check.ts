import type { Type } from '../../core/plan.ts'
import { FUNCTIONS, REFUSED_FUNCTIONS, functionNamed, takesWithoutNull } from './functions.ts'
import { notCondition, sizeHint, sourceOf } from './hints.ts'
import { LOOPS, isLoop } from './loops.ts'
import { NO_PATHS, withoutName, withNotNull, narrowElement, notNullWhen, pathOf } from './narrowing.ts'
import type { Env } from './narrowing.ts'
import { didYouMean } from '../../core/nearest.ts'
import { binaryResult } from './operators.ts'
import type { ExpressionProblem, Node } from './parse.ts'
import type { Rule } from '../rules.ts'
import {
  NULL,
  aType,
  aTypeFirst,
  fieldType,
  formatType,
  isList,
  isNullable,
  isNumber,
  isObject,
  unify,
  withoutNull,
} from './types.ts'

/** A syntax tree with the type of each node. If there are problems, the types may be wrong. */
export interface Checked {
  root: Node
  type: Type
  types: ReadonlyMap<Node, Type>
  problems: ExpressionProblem[]
}

/**
 * Finds all type problems of an expression. `scope`: the names that the expression can read. `otherNames`: further names that messages may
 * suggest.
 */
export function checkExpression(root: Node, scope: Record<string, Type>, otherNames: readonly string[] = []): Checked {
  const checker = new Checker(scope, otherNames)
  const type = checker.visit(root, { locals: undefined, notNull: NO_PATHS })
  return { root, type, types: checker.types, problems: checker.problems }
}

const OPERATORS = new Set(['==', '!=', '<', '<=', '>', '>=', '+', '-', '*', '/', '%', 'in'])

class Checker {
  readonly types = new Map<Node, Type>()
  readonly problems: ExpressionProblem[] = []
  private readonly scope: Record<string, Type>

  private readonly otherNames: readonly string[]

  constructor(scope: Record<string, Type>, otherNames: readonly string[]) {
    this.scope = scope
    this.otherNames = otherNames
  }

  visit(node: Node, env: Env): Type {
    let type = this.typeOf(node, env)
    if (isNullable(type) && type !== NULL && env.notNull.size > 0) {
      const path = pathOf(node)
      if (path !== undefined && env.notNull.has(path)) type = withoutNull(type)
    }
    this.types.set(node, type)
    return type
  }

  private typeOf(node: Node, env: Env): Type {
    switch (node.op) {
      case 'value':
        return this.literal(node)
      case 'id':
        return this.name(node, node.args, env)
      case '.':
        return this.field(node, this.visit(node.args[0], env), node.args[1])
      case '[]':
        return this.index(node, node.args, env)
      case 'list':
        return { list: node.args.map((item) => this.visit(item, env)).reduce(commonType, undefined) ?? 'dyn' }
      case 'map':
        return this.map(node.args, env)
      case '?:':
        return this.ternary(node, node.args, env)
      case '&&':
      case '||':
        return this.logical(node.args, env, node.op === '&&')
      case '!_':
        this.bool(node.args, env)
        return 'bool'
      case '-_':
        return this.minus(node, node.args, env)
      case 'call':
        return this.call(node, node.args[0], node.args[1], env)
      case 'rcall':
        if (isLoop(node.args[0])) return this.loop(node, node.args[0], node.args[1], node.args[2], env)
        return this.call(node, node.args[0], [node.args[1], ...node.args[2]], env)
      default:
        if (OPERATORS.has(node.op)) return this.binary(node, env)
        return this.problem('expression-syntax', node, `"${node.op}" is not supported in expressions.`)
    }
  }

  problem(rule: Rule, node: Node, message: string): Type {
    this.problems.push({ rule, message, start: node.start, end: Math.max(node.end, node.start + 1) })
    return 'dyn'
  }

  private literal(node: Node): Type {
    const value = node.args as unknown
    if (value === null) return NULL
    if (typeof value === 'string') return 'string'
    if (typeof value === 'boolean') return 'bool'
    if (typeof value === 'number') return 'double'
    if (typeof value === 'bigint') {
      const safe = value <= BigInt(Number.MAX_SAFE_INTEGER)
      return safe ? 'int' : this.problem('type-mismatch', node, `${value} is too large to be exact.`)
    }
    return this.problem('expression-syntax', node, 'Bytes and unsigned numbers are not supported.')
  }

  private name(node: Node, name: string, env: Env): Type {
    for (let local = env.locals; local; local = local.outer) if (local.name === name) return local.type
    if (Object.hasOwn(this.scope, name)) return this.scope[name]!
    const known = [...Object.keys(this.scope), ...this.otherNames]
    const list = known.length === 0 ? 'no names are known here' : `known here: ${known.join(', ')}`
    return this.problem('unknown-name', node, `"${name}" is unknown.${didYouMean(name, known)} (${list})`)
  }

  private field(node: Node, of: Type, name: string): Type {
    if (of === 'dyn') return 'dyn'
    const [left] = node.args as [Node]
    if (isNullable(of)) return this.mayBeNull(left)
    const size = sizeHint(name, left, of)
    if (isObject(of)) {
      const type = fieldType(of, name)
      if (type) return type
      const known = Object.keys(of.object)
      const message = `There is no "${name}" in ${sourceOf(left)}.${size || didYouMean(name, known)}`
      return this.problem('unknown-property', node, `${message} (it has: ${known.join(', ')})`)
    }
    const hint = isList(of) ? ` Read it from the items: .exists(x, x.${name} …), .filter(…), .map(…), or [0].` : ''
    return this.problem('type-mismatch', node, `${aTypeFirst(of)} has no field "${name}".${size || hint}`)
  }

  private index(node: Node, [left, right]: [Node, Node], env: Env): Type {
    const of = this.visit(left, env)
    const at = this.visit(right, env)
    if (of === 'dyn') return 'dyn'
    if (isNullable(of)) return this.mayBeNull(left)
    if (isObject(of))
      return right.op === 'value' && typeof right.args === 'string'
        ? this.field(node, of, right.args)
        : this.problem('type-mismatch', right, 'Write the name of a field as a string in quotes.')
    if (!isList(of)) return this.problem('type-mismatch', node, `${aTypeFirst(of)} has no items.`)
    if (at !== 'int' && at !== 'dyn')
      return this.problem('type-mismatch', right, `The index of an item must be an int, not ${aType(at)}.`)
    return of.list
  }

  private map(entries: [Node, Node][], env: Env): Type {
    const object: Record<string, Type> = {}
    let known = true
    for (const [key, value] of entries) {
      this.visit(key, env)
      const type = this.visit(value, env)
      if (key.op !== 'value' || typeof key.args !== 'string') known = false
      else if (key.args === '__proto__') this.problem('type-mismatch', key, '"__proto__" is not allowed as a key.')
      else object[key.args] = type
    }
    return known ? { object } : 'dyn'
  }

  private ternary(node: Node, [condition, whenTrue, whenFalse]: [Node, Node, Node], env: Env): Type {
    this.bool(condition, env)
    const a = this.visit(whenTrue, withNotNull(env, notNullWhen(condition, true)))
    const b = this.visit(whenFalse, withNotNull(env, notNullWhen(condition, false)))
    const both = unify(a, b)
    if (both) return both
    return this.problem(
      'type-mismatch',
      node,
      `Both values of "? :" must have the same type, not ${formatType(a)} and ${formatType(b)}.`,
    )
  }

  private logical([left, right]: [Node, Node], env: Env, and: boolean): Type {
    this.bool(left, env)
    this.bool(right, withNotNull(env, notNullWhen(left, and)))
    return 'bool'
  }

  private bool(node: Node, env: Env): void {
    const type = this.visit(node, env)
    if (type === 'bool' || type === 'dyn') return
    if (isNullable(type) && type.nullable === 'bool') this.mayBeNull(node)
    else this.problem('not-a-condition', node, notCondition(sourceOf(node), type))
  }

  private minus(node: Node, of: Node, env: Env): Type {
    const type = this.visit(of, env)
    if (isNumber(type) || type === 'dyn' || type === 'duration') return type
    return this.problem('type-mismatch', node, `"-" needs a number, not ${aType(type)}.`)
  }

  private binary(node: Node, env: Env): Type {
    const [left, right] = node.args as [Node, Node]
    const result = binaryResult(node.op, this.visit(left, env), this.visit(right, env))
    if (typeof result === 'object' && 'problem' in result) {
      if (result.problem === 'null-left') return this.mayBeNull(left)
      if (result.problem === 'null-right') return this.mayBeNull(right)
      return this.problem('type-mismatch', node, result.problem)
    }
    return result
  }

  private loop(node: Node, name: string, over: Node, args: Node[], env: Env): Type {
    const of = this.visit(over, env)
    const element = this.elementOf(over, of)
    const [variable, predicate, transform] = args
    if (variable?.op !== 'id' || !predicate || (transform && name !== 'map'))
      return this.problem('wrong-arguments', node, `Write .${name}(x, …), where x is a name for one item.`)
    const inner: Env = {
      locals: { name: variable.args, type: element, outer: env.locals },
      notNull: withoutName(env.notNull, variable.args),
    }
    if (name === 'map') {
      if (!transform) return { list: this.visit(predicate, inner) }
      this.bool(predicate, inner)
      return { list: this.visit(transform, withNotNull(inner, notNullWhen(predicate, true))) }
    }
    this.bool(predicate, inner)
    if (name !== 'filter') return 'bool'
    return { list: narrowElement(element, variable.args, notNullWhen(predicate, true)) }
  }

  private elementOf(over: Node, of: Type): Type {
    if (of === 'dyn') return 'dyn'
    if (isList(of)) return of.list
    if (isNullable(of)) return this.mayBeNull(over)
    const hint = isObject(of) && fieldType(of, 'rows') ? ` Did you mean "${sourceOf(over)}.rows"?` : ''
    return this.problem('type-mismatch', over, `This must be a list, not ${aType(of)}.${hint}`)
  }

  private call(node: Node, name: string, args: Node[], env: Env): Type {
    if (name === 'has' && node.op === 'call') return this.has(node, args, env)
    const entry = functionNamed(name)
    if (!entry) return this.unknownFunction(node, name, args, env)
    const types = args.map((arg) => this.visit(arg, env))
    const result = entry.result(types)
    if (result) return result
    if (takesWithoutNull(entry, types)) return this.mayBeNull(args[types.findIndex(isNullable)]!)
    const passed = types.map(formatType).join(', ')
    const rows = types.some((type) => isObject(type) && fieldType(type, 'rows')) ? ' Did you mean its ".rows"?' : ''
    return this.problem('wrong-arguments', node, `${name} cannot take (${passed}). Use: ${entry.signature}.${rows}`)
  }

  private unknownFunction(node: Node, name: string, args: Node[], env: Env): Type {
    const refused = Object.hasOwn(REFUSED_FUNCTIONS, name) ? REFUSED_FUNCTIONS[name] : undefined
    if (refused) return this.problem('refused-function', node, `${name}() is not supported: ${refused}.`)
    const [of] = args
    const size = of && args.length === 1 ? sizeHint(name, of, this.typeWithoutProblems(of, env)) : ''
    const known = [...Object.keys(LOOPS), 'has', ...FUNCTIONS.map((entry) => entry.name)]
    return this.problem('unknown-function', node, `There is no function "${name}".${size || didYouMean(name, known)}`)
  }

  /** The type of a node that belongs to a refused expression; its own problems are not reported. */
  private typeWithoutProblems(node: Node, env: Env): Type {
    const before = this.problems.length
    const type = this.visit(node, env)
    this.problems.length = before
    return type
  }

  private has(node: Node, args: Node[], env: Env): Type {
    const [of] = args
    if (args.length !== 1 || of?.op !== '.')
      return this.problem('wrong-arguments', node, 'Write has(x.field): whether the field exists.')
    this.visit(of, env)
    return 'bool'
  }

  private mayBeNull(node: Node): Type {
    const source = sourceOf(node)
    return this.problem(
      'may-be-null',
      node,
      `${source} may be null here. Give it a default, ${source}.orElse(…), or check first: ${source} != null && ….`,
    )
  }
}

function commonType(a: Type | undefined, b: Type): Type {
  return a === undefined ? b : (unify(a, b) ?? 'dyn')
}
