import type { Json } from '../../core/json.ts'
import type { Type, Value } from '../../core/plan.ts'
import { didYouMean } from '../../core/nearest.ts'
import type { Kind, Parameter } from '../kinds/kind.ts'
import { columnType } from '../kinds/sql-query.ts'
import type { Span } from '../parse/source.ts'
import { dataOf, describe, spanWithin } from '../parse/tree.ts'
import type { Entry, MapTree, Tree } from '../parse/tree.ts'
import { SECTIONS } from '../structure/fields.ts'
import type { Section } from '../structure/section.ts'
import type { Rule } from '../rules.ts'
import type { Context, Scope } from './context.ts'
import { parametersOf, readProblems, writeProblems } from './sql.ts'
import { compileMap, compileValue, templateIn } from './compile-values.ts'
import type { CompiledValue } from './compile-values.ts'

export interface CompiledParameters {
  with: Record<string, Value>
  /** The checks that the parameters read. */
  checks: string[]
  /** For each parameter, the names that it reads. */
  names: Record<string, string[]>
}

type Compiled = Pick<CompiledValue, 'value' | 'names' | 'checks'>

/** The parameters as plain data, templates as their text: what a kind's `result` and `validate` look at. */
function literals(tree: MapTree | undefined): Record<string, Json> {
  return tree ? (dataOf(tree) as Record<string, Json>) : {}
}

/** The result's type for these parameters; what is malformed is reported elsewhere and makes it `dyn`. */
export function resultOf(kind: Kind, tree: MapTree | undefined): Type {
  try {
    return kind.result(literals(tree))
  } catch {
    return 'dyn'
  }
}

/** Whether a parameter stands beside `with`, where it was reported. */
export function isBeside(kind: Kind, section: Section): boolean {
  return Object.keys(kind.parameters).some((name) => section.has(name))
}

/** Checks the parameters of a check or action against its kind's description, and compiles what they hold. */
export function compileParameters(
  context: Context,
  kind: Kind,
  tree: MapTree | undefined,
  at: Span,
  scope: Scope,
  elsewhere: (name: string) => boolean = () => false,
): CompiledParameters {
  const compiled: CompiledParameters = { with: {}, checks: [], names: {} }
  const reads = new Set<string>()
  for (const entry of tree?.entries.values() ?? []) {
    const parameter = Object.hasOwn(kind.parameters, entry.name) ? kind.parameters[entry.name] : undefined
    if (!parameter) {
      unknownParameter(context, kind, entry)
      continue
    }
    const value = compileParameter(context, kind, parameter, entry, scope)
    if (!value) continue
    compiled.with[entry.name] = value.value
    compiled.names[entry.name] = value.names
    for (const check of value.checks) reads.add(check)
  }
  for (const [name, parameter] of Object.entries(kind.parameters)) {
    if (tree?.entries.has(name)) continue
    if (parameter.default !== undefined) compiled.with[name] = { lit: parameter.default }
    else if (parameter.required && !elsewhere(name))
      context.reporter.error('missing-parameter', at, `${kind.name} needs "${name}": ${parameter.doc}`)
  }
  if (tree) together(context, kind, tree, compiled.with)
  compiled.checks = [...reads]
  return compiled
}

function unknownParameter(context: Context, kind: Kind, entry: Entry): void {
  const known = Object.keys(kind.parameters)
  const outer = kind.access === 'read' ? 'check' : 'action'
  if (Object.hasOwn(SECTIONS[outer].fields, entry.name)) {
    const message = `${kind.name} has no parameter "${entry.name}". It is a field of ${outer}: write it beside "with", not beneath.`
    return context.reporter.error('unknown-parameter', entry.key, message)
  }
  const hint = `${didYouMean(entry.name, known)} (parameters: ${known.join(', ')})`
  context.reporter.error('unknown-parameter', entry.key, `${kind.name} has no parameter "${entry.name}".${hint}`)
}

function compileParameter(
  context: Context,
  kind: Kind,
  parameter: Parameter,
  entry: Entry,
  scope: Scope,
): Compiled | undefined {
  const { type } = parameter
  const { value: tree, name } = entry
  const template = parameter.literal || isLiteralForm(parameter) ? templateIn(tree) : undefined
  if (template) {
    const message = `"${name}" is taken as it stands: no \${{ }} may be in it. Pass values beside it.`
    context.reporter.error('no-expression-here', template, message)
    return undefined
  }
  const what = `"${name}"`
  if ('value' in type) return compileValue(context, tree, scope, type.value, what)
  if ('duration' in type) return compileValue(context, tree, scope, 'duration', what)
  if ('record' in type) {
    if (tree.kind === 'map') return compileMap(context, tree, scope, 'dyn', what, type.record)
    return refuse(context, tree, entry, `${what} takes names and values, and there is ${describe(tree)}.`)
  }
  if ('oneOf' in type) return oneOf(context, tree, entry, type.oneOf)
  if ('connection' in type) return connection(context, kind, tree, entry, type.connection)
  if ('sql' in type) return sql(context, tree, entry, type.sql)
  return columns(context, tree, entry)
}

function isLiteralForm({ type }: Parameter): boolean {
  return 'oneOf' in type || 'connection' in type || 'sql' in type || 'columns' in type
}

function refuse(context: Context, tree: Tree, entry: Entry, message: string, rule: Rule = 'type-mismatch'): undefined {
  context.reporter.error(rule, tree.end > tree.start ? tree : entry.key, message)
  return undefined
}

const literal = (lit: Json): Compiled => ({ value: { lit }, names: [], checks: [] })

function oneOf(context: Context, tree: Tree, entry: Entry, words: string[]): Compiled | undefined {
  const word = tree.kind === 'scalar' ? tree.value : undefined
  if (typeof word === 'string' && words.includes(word)) return literal(word)
  const near = typeof word === 'string' ? didYouMean(word, words) : ''
  return refuse(context, tree, entry, `"${entry.name}" must be one of ${words.join(', ')}.${near}`)
}

function connection(
  context: Context,
  { name: wanting, access }: Kind,
  tree: Tree,
  entry: Entry,
  kinds: string[],
): Compiled | undefined {
  const name = tree.kind === 'scalar' ? tree.value : undefined
  if (typeof name !== 'string' || name === '')
    return refuse(context, tree, entry, `"${entry.name}" must be the name of a connection.`)
  if (kinds.includes('channel')) {
    const { channels } = context
    if (!channels || channels.includes(name)) return literal(name)
    const known = `${didYouMean(name, channels)} (channels: ${channels.join(', ') || 'none'})`
    return refuse(context, tree, entry, `There is no channel "${name}".${known}`, 'unknown-channel')
  }
  const { connections } = context
  if (!connections) return literal(name)
  const kind = Object.hasOwn(connections, name) ? connections[name] : undefined
  const fitting = Object.keys(connections).filter((other) => kinds.includes(connections[other]!))
  const known = ` (connections of kind ${kinds.join(' or ')}: ${fitting.join(', ') || 'none'})`
  if (kind === undefined) {
    const message = `There is no connection "${name}".${didYouMean(name, fitting)}${known}`
    return refuse(context, tree, entry, message, 'unknown-connection')
  }
  if (kinds.includes(kind) && access === 'write' && context.readOnly.includes(name)) {
    const message = `${wanting} changes things, and the connection "${name}" can only read: it has no "write" in the configuration.`
    return refuse(context, tree, entry, message, 'read-only-connection')
  }
  if (kinds.includes(kind)) return literal(name)
  return refuse(context, tree, entry, `The connection "${name}" is of kind ${kind}.${known}`, 'wrong-connection')
}

function sql(context: Context, tree: Tree, entry: Entry, access: 'read' | 'write'): Compiled | undefined {
  if (tree.kind !== 'scalar' || typeof tree.value !== 'string' || tree.value.trim() === '')
    return refuse(context, tree, entry, `"${entry.name}" must be a SQL statement.`)
  const problems = access === 'read' ? readProblems(tree.value) : writeProblems(tree.value)
  for (const { rule, message, start, end } of problems)
    context.reporter.error(rule, spanWithin(tree, context.reporter.source.text, start, end), message)
  return problems.length > 0 ? undefined : literal(tree.value)
}

function columns(context: Context, tree: Tree, entry: Entry): Compiled | undefined {
  if (tree.kind !== 'map' || tree.entries.size === 0)
    return refuse(
      context,
      tree,
      entry,
      `"${entry.name}" must name each column with its type: { id: string, attempt: int }.`,
    )
  let well = true
  for (const column of tree.entries.values()) {
    const text = column.value.kind === 'scalar' ? column.value.value : undefined
    if (columnType(text) !== undefined) continue
    const types = 'string, int, double, bool, duration, dyn, list(string); a ? behind it allows NULL'
    refuse(context, column.value, column, `"${String(text ?? '')}" is no type of a column (${types}).`, 'unknown-type')
    well = false
  }
  return well ? literal(dataOf(tree)) : undefined
}

/** What concerns several parameters: a statement and its values, and the kind's own rules. */
function together(context: Context, kind: Kind, tree: MapTree, well: Record<string, Value>): void {
  for (const [name, parameter] of Object.entries(kind.parameters))
    if ('sql' in parameter.type) parameterCount(context, tree, name, name === 'sql')
  let problems: { parameter: string; message: string }[]
  try {
    problems = kind.validate?.(literals(tree)) ?? []
  } catch {
    // A malformed parameter, which was reported for itself.
    problems = []
  }
  for (const { parameter, message } of problems) {
    const entry = tree.entries.get(parameter)
    // What was refused for itself already needs no second problem.
    if (entry && !Object.hasOwn(well, parameter)) continue
    const at = entry ? (entry.value.end > entry.value.start ? entry.value : entry.key) : tree
    context.reporter.error('bad-parameter', at, `"${parameter}" ${message}.`)
  }
}

/** The statement `sql` takes just the values of `params`; others beside it take those that they need. */
function parameterCount(context: Context, tree: MapTree, name: string, all: boolean): void {
  const statement = tree.entries.get(name)?.value
  const params = tree.entries.get('params')
  if (statement?.kind !== 'scalar' || typeof statement.value !== 'string') return
  if (params && params.value.kind !== 'list') return
  const given = params?.value.kind === 'list' ? params.value.items.length : 0
  const { count, missing } = parametersOf(statement.value)
  const at = (all ? params?.key : undefined) ?? tree.entries.get(name)!.key
  const whose = all ? 'The statement' : `"${name}"`
  if (all ? count !== given : count > given) {
    const message = `${whose} takes ${count} value${count === 1 ? '' : 's'} ($1 …), and "params" gives ${given}.`
    context.reporter.error('sql-parameter-count', at, message)
  } else if (all && missing.length > 0) {
    const message = `The statement never uses ${missing.map((n) => `$${n}`).join(', ')}.`
    context.reporter.error('sql-parameter-count', at, message)
  }
}
