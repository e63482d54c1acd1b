import { Composer, Parser, isAlias, isMap, isScalar, isSeq } from 'yaml'
import type { CST, Node as YamlNode, Pair } from 'yaml'
import { defined } from '../../core/defined.ts'
import { notUtf8 } from '../../core/text-file.ts'
import { Reporter } from '../problems.ts'
import { explainSyntax, placeOfSyntax } from './explain-syntax.ts'
import { Source } from './source.ts'
import type { Span } from './source.ts'
import { isEmpty } from './tree.ts'
import type { Entry, MapTree, ScalarTree, Tree } from './tree.ts'

const MAX_BYTES = 64 * 1024
const MAX_DEPTH = 32

/**
 * Parses the safe subset of YAML for runbooks: plain data in the core schema of YAML 1.2. Returns the tree, absent after a fatal
 * problem, and a reporter with the problems so far.
 */
export function parseYaml(text: string, file: string, maxBytes = MAX_BYTES): { tree?: Tree; reporter: Reporter } {
  const reporter = new Reporter(new Source(file, text))
  if (text.length > maxBytes || new TextEncoder().encode(text).length > maxBytes) {
    reporter.error('file-too-large', { start: 0, end: 1 }, `The file is larger than ${maxBytes / 1024} KiB. Split it.`)
    return { reporter }
  }
  const unreadable = notUtf8(text)
  if (unreadable) {
    reporter.error('forbidden-character', { start: unreadable.index, end: unreadable.index + 1 }, unreadable.message)
    return { reporter }
  }
  const { document, rest } = documentOf(text, reporter)
  if (!document || forbiddenCharacters(text, reporter)) return { reporter }
  const deep = deeperThan(MAX_DEPTH, document)
  if (deep) {
    const span = { start: deep.offset, end: deep.offset + 1 }
    reporter.error('yaml-nesting', span, `This is nested more than ${MAX_DEPTH} levels deep.`)
    return { reporter }
  }
  const contents = compose(document, text, reporter)
  if (rest !== undefined && !reporter.hasErrors)
    reporter.error('yaml-documents', rest, 'A file holds one runbook. Remove what follows its end.')
  // After a syntax error, problems in the rest of the file would mostly be consequences of it.
  if (!contents || reporter.hasErrors) return { reporter }
  const tree = new Reader(reporter).read(contents, contents.range?.[0] ?? 0)
  return { tree, reporter }
}

/**
 * The token of the first document, and the place of anything after it. Runs only the parser, which does not recurse. The composer
 * recurses, and a document with thousands of nested brackets would overflow its stack.
 */
function documentOf(text: string, reporter: Reporter): { document?: CST.Document; rest?: Span } {
  let document: CST.Document | undefined
  let rest: Span | undefined
  for (const token of new Parser().parse(text)) {
    const span = { start: token.offset, end: token.offset + 1 }
    if (token.type === 'directive')
      reporter.error('yaml-directive', span, 'Directives are not supported: remove the line that begins with %.')
    else if (token.type === 'document' && !document) document = token
    else if (token.type === 'document' || (token.type === 'error' && document)) {
      rest = span
      break
    } else if (token.type === 'error') reporter.error('yaml-syntax', span, explainSyntax(token.message, text, span))
  }
  if (!document?.value && !reporter.hasErrors)
    reporter.error('empty', { start: 0, end: 1 }, 'The file is empty: it has no runbook.')
  return defined({ document, rest })
}

/** Matches control characters except tab and line breaks, and characters that reorder or hide text (bidi controls, zero-width). */
export const FORBIDDEN =
  /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufffe\uffff]/g

function forbiddenCharacters(text: string, reporter: Reporter): boolean {
  let found = false
  for (const match of text.matchAll(FORBIDDEN)) {
    // Some editors write a byte order mark at the start of a file.
    if (match.index === 0 && match[0] === '\ufeff') continue
    const code = match[0].codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')
    const span = { start: match.index, end: match.index + 1 }
    reporter.error(
      'forbidden-character',
      span,
      `Remove the invisible character U+${code}: it is not allowed in a runbook.`,
    )
    if (found) break
    found = true
  }
  return found
}

/** Returns a collection that is nested deeper than this many levels, if there is one. */
function deeperThan(levels: number, document: CST.Document): CST.Token | undefined {
  const open: { token: CST.Token; level: number }[] = document.value ? [{ token: document.value, level: 1 }] : []
  for (let next = open.pop(); next; next = open.pop()) {
    const { token, level } = next
    if (!('items' in token)) continue
    if (level > levels) return token
    for (const item of token.items) {
      if (item.key) open.push({ token: item.key, level: level + 1 })
      if (item.value) open.push({ token: item.value, level: level + 1 })
    }
  }
  return undefined
}

function compose(document: CST.Document, text: string, reporter: Reporter): YamlNode | undefined {
  const composer = new Composer({
    uniqueKeys: false,
    prettyErrors: false,
    schema: 'core',
    version: '1.2',
    logLevel: 'silent',
  })
  const [composed] = [...composer.compose([document], true, text.length)]
  // Only the first error is reported, because later errors are mostly its consequences.
  const [error] = composed?.errors ?? []
  if (error) {
    const span = { start: error.pos[0], end: error.pos[1] }
    reporter.error('yaml-syntax', placeOfSyntax(error.code, text, span), explainSyntax(error.code, text, span))
  }
  return (composed?.contents as YamlNode | null) ?? undefined
}

class Reader {
  private readonly reporter: Reporter
  constructor(reporter: Reporter) {
    this.reporter = reporter
  }

  read(node: YamlNode | null, fallback: number): Tree {
    if (!node) return { kind: 'scalar', value: null, style: 'plain', commented: false, start: fallback, end: fallback }
    const span = { start: node.range?.[0] ?? fallback, end: node.range?.[1] ?? fallback }
    const property = this.refuseProperty(node, span, fallback)
    if (isMap(node)) return this.map(node.items as Pair<YamlNode, YamlNode | null>[], node.flow === true, span)
    if (isSeq(node)) {
      const items = (node.items as (YamlNode | null)[]).map((item) => this.read(item, span.start))
      return { kind: 'list', items, ...span }
    }
    const scalar = this.scalar(node, span)
    if (!property || scalar.style !== 'plain' || node.anchor !== undefined) return scalar
    // The value is probably an expression. Its text is used as the value, so that this problem causes no further problems.
    return { ...scalar, ...property, value: this.reporter.source.text.slice(property.start, property.end) }
  }

  /** Reports a tag, anchor or alias. Returns the range of the value together with its tag, anchor or alias. */
  private refuseProperty(node: YamlNode, span: Span, from: number): Span | undefined {
    const sign = isAlias(node) ? '*' : node.tag !== undefined ? '!' : node.anchor !== undefined ? '&' : undefined
    if (sign === undefined) return undefined
    const found = this.reporter.source.text.indexOf(sign, from)
    const at = { start: found < 0 || found > span.start ? span.start : found, end: span.end }
    const { rule, thing } = PROPERTIES[sign]
    const message = `YAML reads "${sign}" as the start of ${thing}, which is not supported. Put a value that begins with "${sign}" in quotes, or write it after "|".`
    this.reporter.error(rule, at, message)
    return at
  }

  private map(pairs: Pair<YamlNode, YamlNode | null>[], flow: boolean, span: Span): MapTree {
    const entries = new Map<string, Entry>()
    let current = entries
    for (const { key, value } of pairs) {
      const at: Span = { start: key?.range?.[0] ?? span.start, end: key?.range?.[1] ?? span.start }
      const name = this.key(key, at)
      const tree = this.read(value, at.end)
      if (name === undefined) continue
      if (current.has(name)) current = this.displacedFields(current, name, span) ?? current
      if (current.has(name)) this.reporter.error('duplicate-key', at, `"${name}" is here twice. Remove one of them.`)
      else current.set(name, { name, key: at, value: tree })
    }
    return { kind: 'map', flow, entries, ...span }
  }

  /**
   * Handles a repeated key with an empty key before it. The empty key is probably indented too deep, and the keys after it are its fields.
   * Reports this, moves the keys into the empty key and returns them, so that one mistake is reported as one problem.
   */
  private displacedFields(entries: Map<string, Entry>, again: string, { end }: Span): Map<string, Entry> | undefined {
    const all = [...entries.values()]
    const first = all.findIndex(({ name }) => name === again)
    const index = all.findIndex(({ value }, place) => place > first && isEmpty(value))
    const empty = all[index]
    if (!empty) return undefined
    const message = `"${empty.name}" has no fields, and "${again}" after it is here twice: is "${empty.name}" indented too deep?`
    this.reporter.error('duplicate-key', empty.key, message)
    const own = new Map<string, Entry>()
    for (const entry of all.slice(index + 1)) {
      entries.delete(entry.name)
      own.set(entry.name, entry)
    }
    empty.value = { kind: 'map', flow: false, entries: own, start: empty.key.end, end }
    empty.hasDisplacedFields = true
    return own
  }

  private key(key: YamlNode | null, at: Span): string | undefined {
    if (!key || !isScalar(key) || typeof key.value !== 'string') {
      this.reporter.error(
        'yaml-key',
        at,
        'A key must be a string. Put it in quotes if it looks like a number or a list.',
      )
      return undefined
    }
    this.refuseProperty(key, at, at.start)
    if (key.value === '<<')
      this.reporter.error('yaml-merge-key', at, 'Merge keys (<<) are not supported. Write the fields out.')
    else if (key.value === '__proto__') this.reporter.error('forbidden-key', at, '"__proto__" is not allowed as a key.')
    else return key.value
    return undefined
  }

  private scalar(node: YamlNode, span: Span): ScalarTree {
    const value = isScalar(node) ? node.value : null
    const type = isScalar(node) ? node.type : undefined
    const style = type === 'PLAIN' || type === undefined ? 'plain' : type.startsWith('BLOCK') ? 'block' : 'quoted'
    const commented =
      typeof node.comment === 'string' && style === 'plain' && sameLine(this.reporter.source.text, span.end)
    if (typeof value === 'number' && !Number.isFinite(value)) {
      this.reporter.error(
        'bad-number',
        span,
        'This number is not finite, so JSON cannot store it. Put it in quotes if it is a string.',
      )
      return { kind: 'scalar', value: null, style, commented, ...span }
    }
    const known = value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    return { kind: 'scalar', value: known ? value : String(value), style, commented, ...span }
  }
}

const PROPERTIES = {
  '!': { rule: 'yaml-tag', thing: 'a tag' },
  '&': { rule: 'yaml-anchor', thing: 'an anchor' },
  '*': { rule: 'yaml-alias', thing: 'an alias' },
} as const

function sameLine(text: string, end: number): boolean {
  return /^[ \t]+#/.test(text.slice(end, end + 200))
}
