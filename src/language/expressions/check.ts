import type { Type } from '../../core/plan.ts'
import { FUNCTIONS, REFUSED_FUNCTIONS, functionNamed, takesWithoutNull } from './functions.ts'
import { LOOPS, isLoop } from './loops.ts'
import { NOTHING, forget, knowing, narrowElement, notNullWhen, pathOf } from './narrowing.ts'
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

/** A syntax tree with the type of each of its nodes. With problems, the types are not to be relied on. */
export interface Checked {
  root: Node
  type: Type
  types: ReadonlyMap<Node, Type>
  problems: ExpressionProblem[]
}

/** Finds every type problem of an expression whose free names are those of `scope`. */
export function checkExpression(root: Node, scope: Record<string, Type>): Checked {
  const checker = new Checker(scope)
  const type = checker.visit(root, { locals: undefined, notNull: NOTHING })
  return { root, type, types: checker.types, problems: checker.problems }
}

const OPERATORS = new Set(['==', '!=', '<', '<=', '>', '>=', '+', '-', '*', '/', '%', 'in'])

class Checker {
  readonly types = new Map<Node, Type>()
  readonly problems: ExpressionProblem[] = []
  private readonly scope: Record<string, Type>

  constructor(scope: Record<string, Type>) {
    this.scope = scope
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
        return { list: node.args.map((item) => this.visit(item, env)).reduce(together, undefined) ?? 'dyn' }
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
        return this.problem('expression-syntax', node, `"${node.op}" is not part of the language.`)
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
      return safe ? 'int' : this.problem('type-mismatch', node, `${value} is too large to be held exactly.`)
    }
    return this.problem('expression-syntax', node, 'Bytes and unsigned numbers are not part of the language.')
  }

  private name(node: Node, name: string, env: Env): Type {
    for (let local = env.locals; local; local = local.outer) if (local.name === name) return local.type
    if (Object.hasOwn(this.scope, name)) return this.scope[name]!
    const known = Object.keys(this.scope)
    const list = known.length === 0 ? 'nothing is known here' : `known here: ${known.join(', ')}`
    return this.problem('unknown-name', node, `"${name}" is not known.${didYouMean(name, known)} (${list})`)
  }

  private field(node: Node, of: Type, name: string): Type {
    if (of === 'dyn') return 'dyn'
    if (isNullable(of)) return this.mayBeNull((node.args as [Node])[0])
    if (isObject(of)) {
      const type = fieldType(of, name)
      if (type) return type
      const known = Object.keys(of.object)
      const message = `There is no "${name}" in ${sourceOf((node.args as [Node])[0])}.${didYouMean(name, known)}`
      return this.problem('unknown-property', node, `${message} (it has: ${known.join(', ')})`)
    }
    const hint = isList(of) ? ` Look at one item: .exists(x, x.${name} …), .filter(…), .map(…), or [0].` : ''
    return this.problem('type-mismatch', node, `${aTypeFirst(of)} has no fields, so no "${name}".${hint}`)
  }

  private index(node: Node, [left, right]: [Node, Node], env: Env): Type {
    const of = this.visit(left, env)
    const at = this.visit(right, env)
    if (of === 'dyn') return 'dyn'
    if (isNullable(of)) return this.mayBeNull(left)
    if (isObject(of))
      return right.op === 'value' && typeof right.args === 'string'
        ? this.field(node, of, right.args)
        : this.problem('type-mismatch', right, 'A field is named by a text in quotes.')
    if (!isList(of)) return this.problem('type-mismatch', node, `${aTypeFirst(of)} has no items.`)
    if (at !== 'int' && at !== 'dyn')
      return this.problem('type-mismatch', right, `An item is named by its number, not by ${aType(at)}.`)
    return of.list
  }

  private map(entries: [Node, Node][], env: Env): Type {
    const object: Record<string, Type> = {}
    let known = true
    for (const [key, value] of entries) {
      this.visit(key, env)
      const type = this.visit(value, env)
      if (key.op !== 'value' || typeof key.args !== 'string') known = false
      else if (key.args === '__proto__') this.problem('type-mismatch', key, '"__proto__" cannot be a key.')
      else object[key.args] = type
    }
    return known ? { object } : 'dyn'
  }

  private ternary(node: Node, [condition, then, otherwise]: [Node, Node, Node], env: Env): Type {
    this.bool(condition, env)
    const a = this.visit(then, knowing(env, notNullWhen(condition, true)))
    const b = this.visit(otherwise, knowing(env, notNullWhen(condition, false)))
    const both = unify(a, b)
    if (both) return both
    return this.problem(
      'type-mismatch',
      node,
      `Both outcomes must be of one type: ${formatType(a)} and ${formatType(b)} are not.`,
    )
  }

  private logical([left, right]: [Node, Node], env: Env, and: boolean): Type {
    this.bool(left, env)
    this.bool(right, knowing(env, notNullWhen(left, and)))
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
      return this.problem('wrong-arguments', node, `Write it as .${name}(x, …), where x names one item.`)
    const inner: Env = {
      locals: { name: variable.args, type: element, outer: env.locals },
      notNull: forget(env.notNull, variable.args),
    }
    if (name === 'map') {
      if (!transform) return { list: this.visit(predicate, inner) }
      this.bool(predicate, inner)
      return { list: this.visit(transform, knowing(inner, notNullWhen(predicate, true))) }
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
    return this.problem('type-mismatch', over, `This is no list but ${formatType(of)}.${hint}`)
  }

  private call(node: Node, name: string, args: Node[], env: Env): Type {
    if (name === 'has' && node.op === 'call') return this.has(node, args, env)
    const entry = functionNamed(name)
    if (!entry) return this.unknownFunction(node, name)
    const types = args.map((arg) => this.visit(arg, env))
    const result = entry.result(types)
    if (result) return result
    if (takesWithoutNull(entry, types)) return this.mayBeNull(args[types.findIndex(isNullable)]!)
    const given = types.map(formatType).join(', ')
    const rows = types.some((type) => isObject(type) && fieldType(type, 'rows')) ? ' Did you mean its ".rows"?' : ''
    return this.problem('wrong-arguments', node, `${entry.signature}: it does not take (${given}).${rows}`)
  }

  private unknownFunction(node: Node, name: string): Type {
    const refused = Object.hasOwn(REFUSED_FUNCTIONS, name) ? REFUSED_FUNCTIONS[name] : undefined
    if (refused) return this.problem('refused-function', node, `${name}() is not part of the language: ${refused}.`)
    const known = [...Object.keys(LOOPS), 'has', ...FUNCTIONS.map((entry) => entry.name)]
    return this.problem('unknown-function', node, `There is no function "${name}".${didYouMean(name, known)}`)
  }

  private has(node: Node, args: Node[], env: Env): Type {
    const [of] = args
    if (args.length !== 1 || of?.op !== '.')
      return this.problem('wrong-arguments', node, 'Write it as has(x.field): whether the field is there.')
    this.visit(of, env)
    return 'bool'
  }

  private mayBeNull(node: Node): Type {
    const source = sourceOf(node)
    return this.problem(
      'may-be-null',
      node,
      `${source} may be null here. Say what then, ${source}.orElse(…), or ask first, ${source} != null && ….`,
    )
  }
}

function together(a: Type | undefined, b: Type): Type {
  return a === undefined ? b : (unify(a, b) ?? 'dyn')
}

function sourceOf(node: Node): string {
  const source = node.input.slice(node.start, node.end)
  return source.length > 40 ? `${source.slice(0, 40)}…` : source
}

/** Why a value of this type is no condition, and what was meant perhaps. */
export function notCondition(source: string, type: Type): string {
  if (isList(type)) return `A condition is needed, and ${source} is a list. Did you mean "size(${source}) > 0"?`
  if (isNumber(type)) return `A condition is needed, and ${source} is a number. Did you mean "${source} > 0"?`
  return `A condition (true or false) is needed, and ${source} is ${formatType(type)}.`
}
