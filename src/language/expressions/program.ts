import type { Json } from '../../core/json.ts'
import type { Type } from '../../core/plan.ts'
import { isLoop } from './loops.ts'
import type { Checked } from './check.ts'
import { functionNamed } from './functions.ts'
import { binaryRun, inRange } from './operators.ts'
import type { Node } from './parse.ts'
import { isList, isNullable } from './types.ts'
import { Duration, EvaluationError, Meter, durationFrom, show } from './runtime-values.ts'
import type { Value } from './runtime-values.ts'

/** A checked expression as closures, so that evaluation does not need to visit the syntax tree. */
export type Program = (scope: Record<string, Json>) => Value

interface Frame {
  scope: Record<string, Json>
  /** The present items of the enclosing loops. */
  items: Value[]
  meter: Meter
}
type Run = (frame: Frame) => Value

export function buildProgram(checked: Checked): Program {
  const builder = new Builder(checked.types)
  const run = builder.build(checked.root, [])
  return (scope) => run({ scope, items: [], meter: new Meter() })
}

class Builder {
  private readonly types: ReadonlyMap<Node, Type>
  constructor(types: ReadonlyMap<Node, Type>) {
    this.types = types
  }

  /** `locals`: the names of the enclosing loops, outermost first. */
  build(node: Node, locals: string[]): Run {
    switch (node.op) {
      case 'value':
        return literal(node.args)
      case 'id':
        return this.name(node, node.args, locals)
      case '.':
        return this.field(node, this.build(node.args[0], locals), node.args[1])
      case '[]':
        return this.index(node, this.build(node.args[0], locals), this.build(node.args[1], locals))
      case 'list':
        return list(node.args.map((item) => this.build(item, locals)))
      case 'map':
        return object(node.args.map(([key, value]) => [this.build(key, locals), this.build(value, locals)]))
      case '?:': {
        const [condition, whenTrue, whenFalse] = node.args.map((arg) => this.build(arg, locals)) as [Run, Run, Run]
        return (frame) => (boolean(condition(frame)) ? whenTrue(frame) : whenFalse(frame))
      }
      case '&&':
      case '||':
        return logical(this.build(node.args[0], locals), this.build(node.args[1], locals), node.op === '||')
      case '!_': {
        const of = this.build(node.args, locals)
        return (frame) => !boolean(of(frame))
      }
      case '-_':
        return minus(this.build(node.args, locals))
      case 'call':
        return this.call(node.args[0], node.args[1], locals)
      case 'rcall':
        if (isLoop(node.args[0])) return this.loop(node.args[0], node.args[1], node.args[2], locals)
        return this.call(node.args[0], [node.args[1], ...node.args[2]], locals)
      default:
        return this.binary(node, locals)
    }
  }

  private name(node: Node, name: string, locals: string[]): Run {
    const at = locals.lastIndexOf(name)
    if (at >= 0) return (frame) => frame.items[at]!
    const convert = converterFor(this.types.get(node)!)
    return ({ scope }) => {
      const value = Object.hasOwn(scope, name) ? scope[name] : undefined
      if (value === undefined) throw new EvaluationError(`"${name}" has no value here`)
      return convert(value)
    }
  }

  private field(node: Node, of: Run, name: string): Run {
    const convert = converterFor(this.types.get(node)!)
    return (frame) => {
      const value = ownField(of(frame), name)
      if (value === undefined) throw new EvaluationError(`there is no "${name}"`)
      return convert(value)
    }
  }

  private index(node: Node, of: Run, at: Run): Run {
    const convert = converterFor(this.types.get(node)!)
    return (frame) => {
      const key = at(frame)
      const value = itemAt(of(frame), key)
      if (value === undefined) throw new EvaluationError(`there is no item ${show(key)}`)
      return convert(value)
    }
  }

  private call(name: string, args: Node[], locals: string[]): Run {
    if (name === 'has') return this.has(args[0]!, locals)
    const { run } = functionNamed(name)!
    const runs = args.map((arg) => this.argument(arg, locals))
    return (frame) => {
      frame.meter.spend(1)
      return run(
        runs.map((arg) => arg(frame)),
        frame.meter,
      )
    }
  }

  /** Converts an argument of a function, including the durations in a list. */
  private argument(node: Node, locals: string[]): Run {
    const run = this.build(node, locals)
    const type = this.types.get(node)!
    if (!isList(type) || !isDuration(type.list)) return run
    const convert = converterFor(type.list)
    return (frame) => (run(frame) as Value[]).map(convert)
  }

  private has(node: Node, locals: string[]): Run {
    const [left, name] = node.args as [Node, string]
    const of = this.build(left, locals)
    return (frame) => ownField(of(frame), name) !== undefined
  }

  private binary(node: Node, locals: string[]): Run {
    const [left, right] = node.args as [Node, Node]
    const [a, b] = [this.build(left, locals), this.build(right, locals)]
    const types = [this.types.get(left)!, this.types.get(right)!]
    const whole = types.includes('dyn') ? undefined : types.every((type) => type === 'int')
    const run = binaryRun(node.op, whole)
    return (frame) => run(a(frame), b(frame), frame.meter)
  }

  private loop(name: string, over: Node, args: Node[], locals: string[]): Run {
    const of = this.build(over, locals)
    const inner = [...locals, (args[0] as { args: string }).args]
    const type = this.types.get(over)!
    const each: Loop = { of, at: locals.length, convert: converterFor(isList(type) ? type.list : 'dyn') }
    const body = this.build(args[1]!, inner)
    if (name === 'map') return args[2] ? select(each, body, this.build(args[2], inner)) : select(each, undefined, body)
    if (name === 'filter') return select(each, body, undefined)
    if (name === 'exists_one') {
      const matching = select(each, body, undefined)
      return (frame) => (matching(frame) as Value[]).length === 1
    }
    return quantify(each, body, name === 'exists')
  }
}

interface Loop {
  of: Run
  at: number
  convert: (value: Value) => Value
}

function itemsOf(loop: Loop, frame: Frame): Value[] {
  const of = loop.of(frame)
  if (Array.isArray(of)) return of
  // As in CEL, a loop over an object iterates its keys.
  if (typeof of === 'object' && of !== null && !(of instanceof Duration)) return Object.keys(of)
  throw new EvaluationError(`expected a list, got ${show(of)}`)
}

function select(loop: Loop, predicate: Run | undefined, transform: Run | undefined): Run {
  return (frame) => {
    const kept: Value[] = []
    for (const raw of itemsOf(loop, frame)) {
      frame.meter.spend(1)
      frame.items[loop.at] = loop.convert(raw)
      if (predicate && !boolean(predicate(frame))) continue
      kept.push(transform ? transform(frame) : raw)
    }
    return kept
  }
}

/** `exists` and `all`: one decisive item gives the result, even if other items cause errors, in any order. */
function quantify(loop: Loop, predicate: Run, decisive: boolean): Run {
  return (frame) => {
    let failure: EvaluationError | undefined
    for (const raw of itemsOf(loop, frame)) {
      frame.meter.spend(1)
      frame.items[loop.at] = loop.convert(raw)
      try {
        if (boolean(predicate(frame)) === decisive) return decisive
      } catch (error) {
        failure ??= error as EvaluationError
      }
    }
    if (failure) throw failure
    return !decisive
  }
}

/** `&&` and `||`: one decisive side gives the result, even if the other side causes an error, in any order. */
function logical(left: Run, right: Run, decisive: boolean): Run {
  return (frame) => {
    let a: boolean
    try {
      a = boolean(left(frame))
    } catch (error) {
      if (boolean(right(frame)) === decisive) return decisive
      throw error
    }
    return a === decisive ? decisive : boolean(right(frame))
  }
}

function literal(value: unknown): Run {
  const plain = (typeof value === 'bigint' ? Number(value) : value) as Value
  return () => plain
}

function list(runs: Run[]): Run {
  return (frame) => runs.map((run) => run(frame))
}

function object(entries: [Run, Run][]): Run {
  return (frame) => {
    const result: { [key: string]: Value } = {}
    for (const [key, value] of entries) {
      const name = key(frame)
      if (typeof name !== 'string' || name === '__proto__')
        throw new EvaluationError(`${show(name)} is not allowed as a key`)
      result[name] = value(frame)
    }
    return result
  }
}

function minus(of: Run): Run {
  return (frame) => {
    const value = of(frame)
    if (value instanceof Duration) return new Duration(-value.ms)
    if (typeof value !== 'number') throw new EvaluationError(`-x: expected a number or a duration, got ${show(value)}`)
    return inRange(-value)
  }
}

function boolean(value: Value): boolean {
  if (typeof value !== 'boolean') throw new EvaluationError(`expected true or false, got ${show(value)}`)
  return value
}

function ownField(of: Value, name: string): Value | undefined {
  if (typeof of !== 'object' || of === null || Array.isArray(of) || of instanceof Duration)
    throw new EvaluationError(`${show(of)} has no field "${name}"`)
  return Object.hasOwn(of, name) ? of[name] : undefined
}

function itemAt(of: Value, key: Value): Value | undefined {
  if (Array.isArray(of)) return typeof key === 'number' ? of[key] : undefined
  return typeof key === 'string' ? ownField(of, key) : undefined
}

const unchanged = (value: Value) => value

function isDuration(type: Type): boolean {
  return type === 'duration' || (isNullable(type) && type.nullable === 'duration')
}

/** Converts a duration when it is read from a structure, because durations are stored as strings. */
function converterFor(type: Type): (value: Value) => Value {
  if (!isDuration(type)) return unchanged
  return (value) => (value === null ? null : durationFrom(value))
}
