import type { Json, JsonObject } from '../../core/json.ts'
import { parseDuration } from '../../core/duration.ts'
import type { Type } from '../../core/plan.ts'
import { didYouMean } from '../../core/nearest.ts'
import { aType, isList, isNullable, isObject, withoutNull } from '../expressions/types.ts'
import type { Kind } from '../kinds/kind.ts'
import type { Span } from '../parse/source.ts'
import { dataOf, describe } from '../parse/tree.ts'
import type { MapTree, Tree } from '../parse/tree.ts'
import type { Reporter } from '../problems.ts'

/**
 * Reads the result of a check in a scenario, against the declared type of the result. Reports every mismatch at its place. Fields may
 * be missing: `complete` finds those.
 */
export function readResult(reporter: Reporter, tree: MapTree, type: Type, check: string): JsonObject {
  return readFields(reporter, tree, type, `${check}.`)
}

function readFields(reporter: Reporter, tree: MapTree, type: Type, path: string): JsonObject {
  if (!isObject(type)) return dataOf(tree) as JsonObject
  const read: JsonObject = {}
  for (const { name, key, value } of tree.entries.values()) {
    const field = Object.hasOwn(type.object, name) ? type.object[name] : undefined
    if (field === undefined) {
      const known = Object.keys(type.object)
      const message = `The result has no "${path}${name}".${didYouMean(name, known)} (it has: ${known.join(', ')})`
      reporter.error('unknown-property', key, message)
    } else {
      const found = readValue(reporter, value, field, `${path}${name}`, key)
      if (found !== undefined) read[name] = found
    }
  }
  return read
}

function readValue(reporter: Reporter, tree: Tree, type: Type, path: string, at: Span): Json | undefined {
  const wrong = (): undefined => {
    const message = `"${path}" must be ${aType(type)}, but found ${describe(tree)}.`
    reporter.error('type-mismatch', tree.end > tree.start ? tree : at, message)
    return undefined
  }
  if (tree.kind === 'scalar' && tree.value === null) return isNullable(type) || type === 'dyn' ? null : wrong()
  const inner = withoutNull(type)
  if (inner === 'dyn') return dataOf(tree)
  if (isList(inner)) {
    if (tree.kind !== 'list') return wrong()
    return tree.items.flatMap((item) => readValue(reporter, item, inner.list, `${path}[]`, item) ?? [])
  }
  if (isObject(inner)) return tree.kind === 'map' ? readFields(reporter, tree, inner, `${path}.`) : wrong()
  return tree.kind === 'scalar' && isOf(inner, tree.value) ? tree.value : wrong()
}

function isOf(type: Type, value: string | number | boolean | null): boolean {
  switch (type) {
    case 'int':
      return Number.isSafeInteger(value)
    case 'double':
      return typeof value === 'number'
    case 'bool':
      return typeof value === 'boolean'
    case 'duration':
      return typeof value === 'string' && parseDuration(value) !== undefined
    default:
      return typeof value === 'string'
  }
}

/** A field that a result must have. `path` is empty, or `rows[].`. */
export interface Missing {
  path: string
  name: string
  type: Type
}

/** The message for missing fields, with example values: `waiting: 0, workerNames: []`. */
export function explainMissing(check: string, missing: Missing[]): string {
  const names = missing.map(({ path, name }) => `${path}${name}`).join(', ')
  const written = (of: Missing[]) => of.map(({ name, type }) => `${name}: ${anyValueOf(type)}`).join(', ')
  const [own, ofRows] = [missing.filter(({ path }) => path === ''), missing.filter(({ path }) => path !== '')]
  const ways = [
    ...(own.length > 0 ? [`"checks: { ${check}: { ${written(own)} } }"`] : []),
    ...(ofRows.length > 0 ? [`"rows: { ${check}: { ${written(ofRows)} } }"`] : []),
  ]
  return `The result of "${check}" also needs ${names}. Add them here, or for all scenarios to "given" of the file, such as ${ways.join(' and ')}.`
}

function anyValueOf(type: Type): string {
  if (isList(type)) return '[]'
  if (isObject(type)) return '{}'
  return type === 'string' ? "''" : type === 'bool' ? 'false' : type === 'duration' ? '1s' : '0'
}

/**
 * The result with all its fields, and the fields that are still missing. Rows get the defaults for rows, then both get the values of a
 * healthy system, if the kind has them; nullable fields become null, fields that report what could not be read get the values of a complete
 * read (`truncated` false, `unparsed` 0).
 */
export function complete(
  result: JsonObject,
  type: Type,
  rowDefaults: JsonObject | undefined,
  healthy: Kind['healthy'] | undefined,
): { result: JsonObject; missing: Missing[] } {
  if (!isObject(type)) return { result, missing: [] }
  const missing: Missing[] = []
  const full = fill({ ...healthy?.result(result), ...result }, type.object, '', missing)
  const rows = type.object['rows']
  if (Array.isArray(full['rows']) && rows && isList(rows) && isObject(rows.list)) {
    const fields = rows.list.object
    full['rows'] = full['rows'].map((row) => {
      const given = { ...rowDefaults, ...(row as JsonObject) }
      return fill({ ...healthy?.row?.(given), ...given }, fields, 'rows[].', missing)
    })
  }
  return { result: full, missing: [...new Map(missing.map((one) => [one.path + one.name, one])).values()] }
}

/** Fields that are the same in every check kind that has them, with their values when everything was read and nothing is unusual. */
const NOTHING_UNREAD: JsonObject = {
  truncated: false,
  unparsed: 0,
  outdated: 0,
  unread: 0,
  absentFields: [],
  notRead: [],
  workersUnknown: false,
  stranded: false,
  strandedJobs: 0,
  overdue: 0,
}

function fill(partial: JsonObject, fields: Record<string, Type>, path: string, missing: Missing[]): JsonObject {
  const full: JsonObject = {}
  for (const [name, type] of Object.entries(fields)) {
    if (Object.hasOwn(partial, name)) full[name] = partial[name]!
    else if (isNullable(type) || type === 'dyn') full[name] = null
    else if (Object.hasOwn(NOTHING_UNREAD, name)) full[name] = NOTHING_UNREAD[name]!
    else missing.push({ path, name, type })
  }
  return full
}
