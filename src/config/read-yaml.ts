import { LineCounter, parseDocument, isMap, isNode, isScalar } from 'yaml'
import type { Document } from 'yaml'
import { notUtf8 } from '../core/text-file.ts'

export interface YamlFile {
  value: unknown
  /** The errors that the parser found. */
  problems: { line: number; column: number; message: string }[]
  /** The position of the value at a path, or of its nearest existing parent. Lines and columns count from 1. */
  position(path: readonly PropertyKey[]): { line: number; column: number }
  /** The position of an entry's key. */
  keyPosition(path: readonly PropertyKey[], key: string): { line: number; column: number }
}

/** Reads YAML as data only: version 1.2, core schema, no aliases, tags or directives. */
export function readYaml(text: string): YamlFile {
  const lines = new LineCounter()
  const document = parseDocument(text, { version: '1.2', schema: 'core', lineCounter: lines, prettyErrors: false })
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset)
    return { line, column: col }
  }
  const problems = [...document.errors, ...document.warnings].map((e) => ({ ...at(e.pos[0]), message: e.message }))
  const unreadable = notUtf8(text)
  if (unreadable) problems.unshift({ ...at(unreadable.index), message: unreadable.message })
  if (document.directives?.yaml.explicit) problems.push({ ...at(0), message: 'directives are not allowed' })
  let value: unknown
  try {
    value = problems.length > 0 ? undefined : document.toJS({ maxAliasCount: 0 })
  } catch {
    problems.push({ ...at(0), message: 'aliases and anchors are not allowed' })
  }
  return {
    value,
    problems,
    position: (path) => at(offsetOf(document, path)),
    keyPosition: (path, key) => at(keyOffset(document, path, key) ?? offsetOf(document, path)),
  }
}

function offsetOf(document: Document, path: readonly PropertyKey[]): number {
  for (let length = path.length; length > 0; length--) {
    const node = document.getIn(path.slice(0, length), true)
    if (isNode(node) && node.range) return node.range[0]
  }
  return 0
}

function keyOffset(document: Document, path: readonly PropertyKey[], key: string): number | undefined {
  const map = path.length === 0 ? document.contents : document.getIn(path, true)
  if (!isMap(map)) return undefined
  const pair = map.items.find((item) => isScalar(item.key) && item.key.value === key)
  return isScalar(pair?.key) ? pair.key.range?.[0] : undefined
}
