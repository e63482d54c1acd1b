import type { Type } from '../../core/plan.ts'
import type { Node } from './parse.ts'
import { aType, fieldType, isList, isNumber, isObject } from './types.ts'

const SIZE_NAMES = new Set(['length', 'len', 'size', 'count'])

/** Suggests how to write `x.length`, `x.count()`, `len(x)` and similar forms for a list, a string or a check's result with rows. */
export function sizeHint(name: string, of: Node, type: Type): string {
  if (!SIZE_NAMES.has(name.toLowerCase())) return ''
  if (isList(type) || type === 'string') return ` Did you mean "size(${sourceOf(of)})"?`
  return isObject(type) && fieldType(type, 'rows') ? ` Did you mean "size(${sourceOf(of)}.rows)"?` : ''
}

/** The text of a node, cut to a length that fits into a message. */
export function sourceOf(node: Node): string {
  const source = node.input.slice(node.start, node.end)
  return source.length > 40 ? `${source.slice(0, 40)}…` : source
}

/** Why a value of this type is not a condition, with a suggestion. */
export function notCondition(source: string, type: Type): string {
  if (isList(type))
    return `A condition must be true or false, but ${source} is a list. Did you mean "size(${source}) > 0"?`
  if (isNumber(type))
    return `A condition must be true or false, but ${source} is a number. Did you mean "${source} > 0"?`
  return `A condition must be true or false, but ${source} is ${aType(type)}.`
}
