import type { Json } from '../../core/json.ts'
import type { Span } from './source.ts'

/** A runbook's YAML as data, with positions. Features of YAML beyond plain data were refused earlier. */
export type Tree = MapTree | ListTree | ScalarTree

export interface ScalarTree extends Span {
  kind: 'scalar'
  value: string | number | boolean | null
  /** How the scalar is written. This determines how an offset in the value maps to an offset in the file. */
  style: 'plain' | 'quoted' | 'block'
  /** Whether a comment follows on the same line. The comment may be the rest of a string that contains ` #`. */
  commented: boolean
}

export interface ListTree extends Span {
  kind: 'list'
  items: Tree[]
}

export interface MapTree extends Span {
  kind: 'map'
  /** Whether the map is written as `{a: 1}`. */
  flow: boolean
  entries: Map<string, Entry>
}

export interface Entry {
  name: string
  key: Span
  value: Tree
  /**
   * True if the file has this map's fields after its key instead of indented below it. The mistake was reported, and the fields were moved
   * into this map.
   */
  hasDisplacedFields?: true
}

/** Whether a key has no value. */
export function isEmpty(tree: Tree): boolean {
  return tree.kind === 'scalar' && tree.value === null
}

/** The comment after a plain scalar, on the same line. */
export function commentAfter({ end, commented }: ScalarTree, text: string): (Span & { text: string }) | undefined {
  if (!commented) return undefined
  const line = /^[^\r\n]*/.exec(text.slice(end))![0]
  const start = end + line.indexOf('#')
  return { start, end: end + line.length, text: text.slice(start, end + line.length) }
}

/** The plain data of a tree. */
export function dataOf(tree: Tree): Json {
  if (tree.kind === 'scalar') return tree.value
  if (tree.kind === 'list') return tree.items.map(dataOf)
  return Object.fromEntries([...tree.entries.values()].map((entry) => [entry.name, dataOf(entry.value)]))
}

/** The kind of value, for messages. */
export function describe(tree: Tree): string {
  if (tree.kind === 'map') return 'fields'
  if (tree.kind === 'list') return 'a list'
  if (tree.value === null) return 'nothing'
  if (typeof tree.value === 'string') return 'a string'
  return typeof tree.value === 'number' ? `the number ${tree.value}` : `${tree.value}`
}

/** The place in the file of the characters `start` to `end` of a scalar's value; the whole scalar if that is not known. */
export function spanWithin(scalar: ScalarTree, text: string, start: number, end: number): Span {
  const from = offsetWithin(scalar, text, start)
  const to = offsetWithin(scalar, text, Math.max(start, end - 1))
  return from === undefined || to === undefined
    ? { start: scalar.start, end: scalar.end }
    : { start: from, end: to + 1 }
}

function offsetWithin(scalar: ScalarTree, text: string, at: number): number | undefined {
  const value = String(scalar.value)
  const written = text.slice(scalar.start, scalar.end)
  const quote = scalar.style === 'quoted' ? 1 : 0
  if (scalar.style !== 'block' && written.slice(quote, quote + value.length) === value) return scalar.start + quote + at
  // The value is matched line by line: YAML removes indentation and folds lines, but the content of each line is in the file.
  const before = value.slice(0, at)
  const lineStart = before.lastIndexOf('\n') + 1
  const line = before.split('\n').length - 1
  const header = scalar.style === 'block' ? written.indexOf('\n') + 1 : 0
  if (scalar.style !== 'block') return undefined
  let offset = header
  for (let skipped = 0; skipped < line; skipped++) {
    const next = written.indexOf('\n', offset)
    if (next < 0) return undefined
    offset = next + 1
  }
  const content = value.slice(lineStart).split('\n', 1)[0]!
  const indented = written.indexOf(content, offset)
  return indented < 0 ? undefined : scalar.start + indented + (at - lineStart)
}
