import { isDeepStrictEqual } from 'node:util'
import { isCollection, isMap, isScalar, parse, parseDocument, type Document, type Pair, type YAMLMap } from 'yaml'
import type { Json } from '../core/json.ts'

/** A change of one value of a YAML file. Without `value`, the entry at the path is removed. */
export interface YamlEdit {
  path: string[]
  value?: Json
}

const OPTIONS = { version: '1.2', schema: 'core' } as const

/**
 * Changes values in the text of a YAML file. Everything else keeps its characters: comments, order, quotes, indentation. The changed text
 * is parsed and compared with the result of the library for the same change. If they differ, the library's text is used, which keeps
 * comments but formats the whole file.
 */
export function editYaml(text: string, edits: YamlEdit[]): string {
  return edits.reduce(editOnce, text)
}

function editOnce(text: string, { path, value }: YamlEdit): string {
  const changed = parseDocument(text, OPTIONS)
  if (value === undefined && !changed.hasIn(path)) return text
  if (value === undefined) changed.deleteIn(path)
  else setValue(changed, path, value)
  const spliced = splice(text, path, value)
  if (spliced !== undefined) {
    const read = parseDocument(spliced, OPTIONS)
    if (read.errors.length === 0 && isDeepStrictEqual(read.toJS(), changed.toJS())) return spliced
  }
  return changed.toString({ lineWidth: 0 })
}

/** Sets a value. A parent without a value, such as `people:`, becomes a map. */
function setValue(document: Document, path: string[], value: Json): void {
  for (let length = 1; length < path.length; length += 1) {
    const parent = path.slice(0, length)
    if (document.hasIn(parent) && !isCollection(document.getIn(parent))) document.setIn(parent, document.createNode({}))
  }
  document.setIn(path, document.createNode(value, { flow: true }))
}

/** Returns the text with the change made at one place; undefined if there is no simple place for it. */
function splice(text: string, path: string[], value: Json | undefined): string | undefined {
  const document = parseDocument(text, OPTIONS)
  let map = document.contents
  for (const [depth, key] of path.entries()) {
    if (!isMap(map)) return undefined
    const pair = map.items.find((item) => isScalar(item.key) && item.key.value === key)
    const rest = path.slice(depth + 1)
    if (value === undefined) {
      if (pair && rest.length === 0) return remove(text, map, pair)
    } else if (!pair) return insert(text, map, key, nested(rest, value))
    else if (!isMap(pair.value) || rest.length === 0) return replace(text, pair, nested(rest, value))
    map = pair?.value as typeof map
  }
  return undefined
}

function nested(path: string[], value: Json): Json {
  return path.reduceRight<Json>((inner, key) => ({ [key]: inner }), value)
}

function replace(text: string, { key, value }: Pair, next: Json): string | undefined {
  const [start, end] = rangeOf(value) ?? []
  const keyEnd = rangeOf(key)?.[1]
  if (keyEnd === undefined) return undefined
  const rendered = render(next)
  if (start === undefined || start === end) return `${text.slice(0, keyEnd)}: ${rendered}${text.slice(keyEnd + 1)}`
  return text.slice(0, start) + rendered + text.slice(lastCharacter(text, end!))
}

function insert(text: string, map: YAMLMap, key: string, value: Json): string | undefined {
  const entry = `${render(key)}: ${render(value)}`
  const range = rangeOf(map)
  if (!range) return undefined
  const last = map.items.at(-1)
  const lastEnd = last && endOf(text, last)
  if (map.flow) {
    if (lastEnd === undefined) return `${text.slice(0, range[0])}{ ${entry} }${text.slice(range[1])}`
    return `${text.slice(0, lastEnd)}, ${entry}${text.slice(lastEnd)}`
  }
  const first = rangeOf(map.items[0]?.key)?.[0]
  if (lastEnd === undefined || first === undefined) return undefined
  const indent = text.slice(text.lastIndexOf('\n', first - 1) + 1, first)
  const at = endOfLine(text, lastEnd)
  return `${text.slice(0, at)}${lineBreakOf(text)}${indent}${entry}${text.slice(at)}`
}

function remove(text: string, map: YAMLMap, pair: Pair): string | undefined {
  const start = rangeOf(pair.key)?.[0]
  const end = endOf(text, pair)
  const range = rangeOf(map)
  if (start === undefined || end === undefined || !range) return undefined
  if (map.items.length === 1) return map.flow ? `${text.slice(0, range[0])}{}${text.slice(range[1])}` : undefined
  if (!map.flow)
    return (
      text.slice(0, text.lastIndexOf('\n', start - 1) + 1) + text.slice(endOfLine(text, end) + lineBreakOf(text).length)
    )
  const isLast = map.items.at(-1) === pair
  const before = text.slice(0, start)
  const after = text.slice(end)
  return isLast ? before.replace(/,\s*$/, '') + after : before + after.replace(/^\s*,\s*/, '')
}

/** The end of an entry, without the line breaks and blanks after it. */
function endOf(text: string, { key, value }: Pair): number | undefined {
  const [start, end] = rangeOf(value) ?? []
  if (start !== undefined && end !== undefined && end > start) return lastCharacter(text, end)
  const keyEnd = rangeOf(key)?.[1]
  return keyEnd === undefined ? undefined : text.indexOf(':', keyEnd) + 1
}

function lastCharacter(text: string, end: number): number {
  return text.slice(0, end).trimEnd().length
}

function endOfLine(text: string, from: number): number {
  const found = text.indexOf(lineBreakOf(text), from)
  return found === -1 ? text.length : found
}

function lineBreakOf(text: string): string {
  return text.includes('\r\n') ? '\r\n' : '\n'
}

function rangeOf(node: unknown): [number, number] | undefined {
  const { range } = (node ?? {}) as { range?: [number, number, number] | null }
  return range ? [range[0], range[1]] : undefined
}

/** A value on one line, in the style of the examples: `{ groups: [oncall] }`. */
function render(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(render).join(', ')}]`
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).map(([key, one]) => `${render(key)}: ${render(one)}`)
    return entries.length === 0 ? '{}' : `{ ${entries.join(', ')} }`
  }
  const isPlain = typeof value === 'string' && /^[\w@.+:/-]+$/.test(value) && parse(value, OPTIONS) === value
  return isPlain ? value : JSON.stringify(value)
}
