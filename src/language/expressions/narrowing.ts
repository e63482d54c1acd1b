import type { Type } from '../../core/plan.ts'
import type { Node } from './parse.ts'
import { fieldType, isObject, withoutNull } from './types.ts'

/** The names of the enclosing loops, innermost first. */
export interface Locals {
  name: string
  type: Type
  outer: Locals | undefined
}
/** The names and facts that are known at one place of an expression. */
export interface Env {
  locals: Locals | undefined
  /** Paths such as `r.job_id` that are known not to be null, because they were compared with null before. */
  notNull: ReadonlySet<string>
}
export const NO_PATHS: ReadonlySet<string> = new Set()

/** Returns a path of plain names as text, such as `r.job_id`; undefined for anything else. */
export function pathOf(node: Node): string | undefined {
  if (node.op === 'id') return node.args
  if (node.op !== '.') return undefined
  const left = pathOf(node.args[0])
  return left === undefined ? undefined : `${left}.${node.args[1]}`
}

/** The paths that cannot be null if `condition` has the value `outcome`. This makes `r.n != null && r.n > 5` valid. */
export function notNullWhen(condition: Node, outcome: boolean): string[] {
  switch (condition.op) {
    case '!_':
      return notNullWhen(condition.args, !outcome)
    case '&&':
      return outcome ? bothSides(condition.args, outcome) : []
    case '||':
      return outcome ? [] : bothSides(condition.args, outcome)
    case '!=':
      return outcome ? comparedWith(condition.args, isNull) : []
    case '==':
      return comparedWith(condition.args, outcome ? isLiteral : isNull)
    default:
      return []
  }
}

function bothSides([left, right]: [Node, Node], outcome: boolean): string[] {
  return [...notNullWhen(left, outcome), ...notNullWhen(right, outcome)]
}

function comparedWith([left, right]: [Node, Node], test: (node: Node) => boolean): string[] {
  const path = test(right) ? pathOf(left) : test(left) ? pathOf(right) : undefined
  return path === undefined ? [] : [path]
}

const isNull = (node: Node) => node.op === 'value' && node.args === null
const isLiteral = (node: Node) => node.op === 'value' && node.args !== null

/** The same environment with further paths that are known not to be null. */
export function withNotNull(env: Env, paths: string[]): Env {
  return paths.length === 0 ? env : { ...env, notNull: new Set([...env.notNull, ...paths]) }
}

/** The paths without those that begin with this name, because the name of a loop hides an outer name. */
export function withoutName(paths: ReadonlySet<string>, name: string): ReadonlySet<string> {
  const kept = [...paths].filter((path) => path !== name && !path.startsWith(`${name}.`))
  return kept.length === paths.size ? paths : new Set(kept)
}

/** The type of an item after a filter: in `rows.filter(r, r.job_id != null)`, `job_id` is not nullable. */
export function narrowElement(element: Type, variable: string, paths: string[]): Type {
  let type = element
  for (const path of paths) {
    if (path === variable) type = withoutNull(type)
    const name = path.startsWith(`${variable}.`) ? path.slice(variable.length + 1) : ''
    const field = isObject(type) && name !== '' ? fieldType(type, name) : undefined
    if (field && isObject(type)) type = { object: { ...type.object, [name]: withoutNull(field) } }
  }
  return type
}
