import type { Json } from '../../core/json.ts'
import type { Type, Value } from '../../core/plan.ts'
import { didYouMean, nearest } from '../../core/nearest.ts'
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
import { neededPrivileges } from './sql-privileges.ts'
import { compileMap, compileValue, templateIn } from './compile-values.ts'
import type { CompiledValue } from './compile-values.ts'

export interface CompiledParameters {
  with: Record<string, Value>
  /** The checks that the parameters read. */
  checks: string[]
  /** The names that each parameter reads. */
  names: Record<string, string[]>
}

type Compiled = Pick<CompiledValue, 'value' | 'names' | 'checks'>

/** The parameters as plain data, templates as their text: the input of a kind's `result` and `validate`. */
function literals(tree: MapTree | undefined): Record<string, Json> {
  return tree ? (dataOf(tree) as Record<string, Json>) : {}
}

/** The result's type for these parameters; `dyn` if they are malformed, which is reported elsewhere. */
export function resultOf(kind: Kind, tree: MapTree | undefined): Type {
  try {
    return kind.result(literals(tree && withCorrectNames(kind, tree)))
  } catch {
    return 'dyn'
  }
}

/** Whether a parameter was written next to `with` instead of in it. The mistake was already reported. */
export function hasParameterOutside(kind: Kind, section: Section): boolean {
  return Object.keys(kind.parameters).some((name) => section.has(name))
}

/**
 * The parameters by their correct names. A misspelt name is replaced by the parameter that was probably meant, if that parameter is absent.
 */
function withCorrectNames(kind: Kind, tree: MapTree): MapTree {
  const entries = new Map<string, Entry>()
  for (const [name, entry] of tree.entries) {
    const intended = intendedParameter(kind, name)
    const isAbsent = intended !== undefined && !tree.entries.has(intended) && !entries.has(intended)
    if (isAbsent) entries.set(intended, { ...entry, name: intended })
    else entries.set(name, entry)
  }
  return { ...tree, entries }
}

/** The parameter that an unknown name was probably meant to be. */
function intendedParameter(kind: Kind, name: string): string | undefined {
  if (Object.hasOwn(kind.parameters, name) || isFieldBesideWith(kind, name)) return undefined
  return nearest(name, Object.keys(kind.parameters))
}

function isFieldBesideWith(kind: Kind, name: string): boolean {
  return Object.hasOwn(SECTIONS[sectionOf(kind)].fields, name)
}

function sectionOf({ access }: Kind): 'check' | 'action' {
  return access === 'read' ? 'check' : 'action'
}

/** Checks the parameters of a check or action against the description of its kind, and compiles them. */
export function compileParameters(
  context: Context,
  kind: Kind,
  written: MapTree | undefined,
  at: Span,
  scope: Scope,
  isOutside: (name: string) => boolean = () => false,
): CompiledParameters {
  const compiled: CompiledParameters = { with: {}, checks: [], names: {} }
  const reads = new Set<string>()
  for (const entry of written?.entries.values() ?? [])
    if (!Object.hasOwn(kind.parameters, entry.name)) reportUnknownParameter(context, kind, entry)
  const tree = written && withCorrectNames(kind, written)
  for (const entry of tree?.entries.values() ?? []) {
    const parameter = Object.hasOwn(kind.parameters, entry.name) ? kind.parameters[entry.name] : undefined
    if (!parameter) continue
    const value = compileParameter(context, kind, parameter, entry, scope)
    if (!value) continue
    compiled.with[entry.name] = value.value
    compiled.names[entry.name] = value.names
    for (const check of value.checks) reads.add(check)
  }
  for (const [name, parameter] of Object.entries(kind.parameters)) {
    if (tree?.entries.has(name)) continue
    if (parameter.default !== undefined) compiled.with[name] = { lit: parameter.default }
    else if (parameter.required && !isOutside(name))
      context.reporter.error('missing-parameter', at, `${kind.name} requires "${name}": ${parameter.doc}`)
  }
  if (tree) checkTogether(context, kind, tree, compiled.with)
  compiled.checks = [...reads]
  return compiled
}

function reportUnknownParameter(context: Context, kind: Kind, entry: Entry): void {
  const known = Object.keys(kind.parameters)
  if (isFieldBesideWith(kind, entry.name)) {
    const message = `${kind.name} has no parameter "${entry.name}". It is a field of ${sectionOf(kind)}: move it out of "with", to the same level.`
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
    const message = `"${name}" is used literally, so it cannot contain \${{ }}. Pass values through another parameter.`
    context.reporter.error('no-expression-here', template, message)
    return undefined
  }
  const what = `"${name}"`
  if ('value' in type) return compileValue(context, tree, scope, type.value, what)
  if ('duration' in type) return compileValue(context, tree, scope, 'duration', what)
  if ('record' in type) {
    if (tree.kind === 'map') return compileMap(context, tree, scope, 'dyn', what, type.record)
    return refuse(context, tree, entry, `${what} must hold names and values, but found ${describe(tree)}.`)
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
  { name: kindName, access }: Kind,
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
    const message = `${kindName} needs write access, but the connection "${name}" has no "write" in the configuration. "runbook connection prepare ${name}" creates it.`
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
  let valid = true
  for (const column of tree.entries.values()) {
    const text = column.value.kind === 'scalar' ? column.value.value : undefined
    if (columnType(text) !== undefined) continue
    const types = 'string, int, double, bool, duration, dyn, list(string); a "?" after it allows NULL'
    const message = `"${String(text ?? '')}" is not a column type (column types: ${types}).`
    refuse(context, column.value, column, message, 'unknown-type')
    valid = false
  }
  return valid ? literal(dataOf(tree)) : undefined
}

/**
 * Checks parameters that depend on each other: a statement and its values, and the rules of the kind itself. `compiled`: the valid
 * parameters.
 */
function checkTogether(context: Context, kind: Kind, tree: MapTree, compiled: Record<string, Value>): void {
  for (const [name, parameter] of Object.entries(kind.parameters))
    if ('sql' in parameter.type) parameterCount(context, tree, name, name === 'sql')
  let problems: { parameter: string; message: string }[]
  try {
    problems = kind.validate?.(literals(tree)) ?? []
  } catch {
    // A parameter is malformed, which was already reported.
    problems = []
  }
  for (const { parameter, message } of problems) {
    const entry = tree.entries.get(parameter)
    // A parameter that is malformed itself was reported already.
    if (entry && !Object.hasOwn(compiled, parameter)) continue
    const at = entry ? (entry.value.end > entry.value.start ? entry.value : entry.key) : tree
    context.reporter.error('bad-parameter', at, `"${parameter}" ${message}.`)
  }
  if (problems.length === 0) missingPrivileges(context, kind, tree, compiled)
}

/** Reports the rights that a write needs and that its "tables" does not name, because they would not be granted. */
function missingPrivileges(context: Context, kind: Kind, tree: MapTree, compiled: Record<string, Value>): void {
  const tables = compiled['tables']
  if (!tables || !('lit' in tables)) return
  const granted = Object.entries(tables.lit as Record<string, string[]>)
  for (const [name, { type }] of Object.entries(kind.parameters)) {
    const statement = tree.entries.get(name)?.value
    if (!('sql' in type) || type.sql !== 'write' || !Object.hasOwn(compiled, name)) continue
    if (statement?.kind !== 'scalar' || typeof statement.value !== 'string') continue
    for (const { table, privileges, start, end } of neededPrivileges(statement.value)) {
      const named = granted.filter(([other]) => isSameTable(other, table))
      const missing = [...privileges].filter((one) => !named.some(([, rights]) => rights.includes(one)))
      if (missing.length === 0) continue
      const what = name === 'sql' ? 'The statement' : `"${name}"`
      const message = `${what} needs ${missing.join(' and ')} on ${table}, which "tables" does not name, so "runbook connection prepare" would not grant it. Add it to "tables".`
      const at = spanWithin(statement, context.reporter.source.text, start, end)
      context.reporter.warning('sql-missing-privilege', at, message)
    }
  }
}

/** Whether two names mean the same table: `runs` may be the table `public.runs`. */
function isSameTable(one: string, other: string): boolean {
  if (one === other) return true
  const [short, long] = one.length < other.length ? [one, other] : [other, one]
  return !short.includes('.') && long.endsWith(`.${short}`)
}

/** The statement `sql` must use all values of `params`; other statements, such as a preview, may use some of them. */
function parameterCount(context: Context, tree: MapTree, name: string, all: boolean): void {
  const statement = tree.entries.get(name)?.value
  const params = tree.entries.get('params')
  if (statement?.kind !== 'scalar' || typeof statement.value !== 'string') return
  if (params && params.value.kind !== 'list') return
  const values = params?.value.kind === 'list' ? params.value.items.length : 0
  const { count, missing } = parametersOf(statement.value)
  const at = (all ? params?.key : undefined) ?? tree.entries.get(name)!.key
  const whose = all ? 'The statement' : `"${name}"`
  if (all ? count !== values : count > values) {
    const message = `${whose} uses ${count} value${count === 1 ? '' : 's'} ($1 …), but "params" has ${values}.`
    context.reporter.error('sql-parameter-count', at, message)
  } else if (all && missing.length > 0) {
    const message = `The statement never uses ${missing.map((n) => `$${n}`).join(', ')}.`
    context.reporter.error('sql-parameter-count', at, message)
  }
}
