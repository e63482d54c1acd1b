import { Composer, Parser, isAlias, isMap, isScalar, isSeq } from 'yaml'
import type { CST, Node as YamlNode, Pair } from 'yaml'
import { Reporter } from '../problems.ts'
import { explainSyntax, placeOfSyntax } from './explain-syntax.ts'
import { Source } from './source.ts'
import type { Span } from './source.ts'
import { isNothing } from './tree.ts'
import type { Entry, MapTree, ScalarTree, Tree } from './tree.ts'

const MAX_BYTES = 64 * 1024
const MAX_LEVELS = 32

/**
 * Parses the safe subset of YAML that runbooks are written in: data of the core schema of YAML 1.2, and nothing that YAML can do beyond
 * that. Returns the tree, if there is one, and a reporter that holds the problems so far.
 */
export function parseYaml(text: string, file: string, maxBytes = MAX_BYTES): { tree?: Tree; reporter: Reporter } {
  const reporter = new Reporter(new Source(file, text))
  if (text.length > maxBytes || new TextEncoder().encode(text).length > maxBytes) {
    reporter.error('file-too-large', { start: 0, end: 1 }, `This file may have at most ${maxBytes / 1024} KiB.`)
    return { reporter }
  }
  const { document, rest } = documentOf(text, reporter)
  if (!document || forbiddenCharacters(text, reporter)) return { reporter }
  const deep = deeperThan(MAX_LEVELS, document)
  if (deep) {
    const span = { start: deep.offset, end: deep.offset + 1 }
    reporter.error('yaml-nesting', span, `A runbook is nested at most ${MAX_LEVELS} levels deep.`)
    return { reporter }
  }
  const contents = compose(document, text, reporter)
  if (rest !== undefined && !reporter.hasErrors)
    reporter.error('yaml-documents', rest, 'A file holds one runbook: nothing may follow after its end.')
  // After a syntax error the rest is guesswork, and its problems would be noise.
  if (!contents || reporter.hasErrors) return { reporter }
  const tree = new Reader(reporter).read(contents, contents.range?.[0] ?? 0)
  return { tree, reporter }
}

/**
 * The one document's token, and where something follows it. Only the parser has run, which does not recurse: the composer does, and
 * a document of a few thousand brackets would end the process.
 */
function documentOf(text: string, reporter: Reporter): { document?: CST.Document; rest?: Span } {
  let document: CST.Document | undefined
  let rest: Span | undefined
  for (const token of new Parser().parse(text)) {
    const span = { start: token.offset, end: token.offset + 1 }
    if (token.type === 'directive')
      reporter.error('yaml-directive', span, 'Directives are not part of the language: leave the % line out.')
    else if (token.type === 'document' && !document) document = token
    else if (token.type === 'document' || (token.type === 'error' && document)) {
      rest = span
      break
    } else if (token.type === 'error') reporter.error('yaml-syntax', span, explainSyntax(token.message, text, span))
  }
  if (!document?.value && !reporter.hasErrors)
    reporter.error('empty', { start: 0, end: 1 }, 'There is no runbook in this file.')
  return { ...(document ? { document } : {}), ...(rest ? { rest } : {}) }
}

/** Control characters, and those that make a text look other than it is read. A tab or line break is none. */
export const FORBIDDEN =
  /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufffe\uffff]/g

function forbiddenCharacters(text: string, reporter: Reporter): boolean {
  let found = false
  for (const match of text.matchAll(FORBIDDEN)) {
    // A byte order mark at the very beginning is what some editors write.
    if (match.index === 0 && match[0] === '\ufeff') continue
    const code = match[0].codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')
    const span = { start: match.index, end: match.index + 1 }
    reporter.error('forbidden-character', span, `The invisible character U+${code} may not stand in a runbook.`)
    if (found) break
    found = true
  }
  return found
}

/** A collection that stands deeper than so many levels. */
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
  // The first error only: those after it are mostly its consequences.
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
    // Most likely an expression: read on with what was meant, so that this one problem stays one.
    return { ...scalar, ...property, value: this.reporter.source.text.slice(property.start, property.end) }
  }

  /** Reports a tag, anchor or alias; returns the whole text that begins with it. */
  private refuseProperty(node: YamlNode, span: Span, from: number): Span | undefined {
    const sign = isAlias(node) ? '*' : node.tag !== undefined ? '!' : node.anchor !== undefined ? '&' : undefined
    if (sign === undefined) return undefined
    const found = this.reporter.source.text.indexOf(sign, from)
    const at = { start: found < 0 || found > span.start ? span.start : found, end: span.end }
    const { rule, thing } = PROPERTIES[sign]
    const message = `"${sign}" begins ${thing} here, which is not part of the language. A text that begins with "${sign}" must be quoted, or written after "|".`
    this.reporter.error(rule, at, message)
    return at
  }

  private map(pairs: Pair<YamlNode, YamlNode | null>[], flow: boolean, span: Span): MapTree {
    const entries = new Map<string, Entry>()
    let open = entries
    for (const { key, value } of pairs) {
      const at: Span = { start: key?.range?.[0] ?? span.start, end: key?.range?.[1] ?? span.start }
      const name = this.key(key, at)
      const tree = this.read(value, at.end)
      if (name === undefined) continue
      if (open.has(name)) open = this.beneathHollow(open, name, span) ?? open
      if (open.has(name)) this.reporter.error('duplicate-key', at, `"${name}" stands here twice.`)
      else open.set(name, { name, key: at, value: tree })
    }
    return { kind: 'map', flow, entries, ...span }
  }

  /** An empty key between a field and the second of its name: what follows is taken for its fields, so that one slip is one problem. */
  private beneathHollow(entries: Map<string, Entry>, again: string, { end }: Span): Map<string, Entry> | undefined {
    const all = [...entries.values()]
    const first = all.findIndex(({ name }) => name === again)
    const index = all.findIndex(({ value }, place) => place > first && isNothing(value))
    const hollow = all[index]
    if (!hollow) return undefined
    const message = `Nothing stands beneath "${hollow.name}", and what follows it stands here twice ("${again}"): is "${hollow.name}" indented too deep?`
    this.reporter.error('duplicate-key', hollow.key, message)
    const own = new Map<string, Entry>()
    for (const entry of all.slice(index + 1)) {
      entries.delete(entry.name)
      own.set(entry.name, entry)
    }
    hollow.value = { kind: 'map', flow: false, entries: own, start: hollow.key.end, end }
    hollow.isHollow = true
    return own
  }

  private key(key: YamlNode | null, at: Span): string | undefined {
    if (!key || !isScalar(key) || typeof key.value !== 'string') {
      this.reporter.error('yaml-key', at, 'A key is a text; quote it if it looks like a number or a list.')
      return undefined
    }
    this.refuseProperty(key, at, at.start)
    if (key.value === '<<') this.reporter.error('yaml-merge-key', at, 'Merge keys (<<) are not part of the language.')
    else if (key.value === '__proto__') this.reporter.error('forbidden-key', at, '"__proto__" cannot be a key.')
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
      this.reporter.error('bad-number', span, 'This number cannot be held. Quote it if it is a text.')
      return { kind: 'scalar', value: null, style, commented, ...span }
    }
    const known = value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    return { kind: 'scalar', value: known ? value : String(value), style, commented, ...span }
  }
}

const PROPERTIES = {
  '!': { rule: 'yaml-tag', thing: 'a YAML tag' },
  '&': { rule: 'yaml-anchor', thing: 'a YAML anchor' },
  '*': { rule: 'yaml-alias', thing: 'a YAML alias' },
} as const

function sameLine(text: string, end: number): boolean {
  return /^[ \t]+#/.test(text.slice(end, end + 200))
}
