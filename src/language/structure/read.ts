import type { Json } from '../../core/json.ts'
import { parseDuration } from '../../core/duration.ts'
import { didYouMean, nearest } from '../../core/nearest.ts'
import { kindNamed } from '../kinds/table.ts'
import type { Span } from '../parse/source.ts'
import { dataOf, describe } from '../parse/tree.ts'
import type { Entry, ListTree, MapTree, ScalarTree, Tree } from '../parse/tree.ts'
import type { Reporter } from '../problems.ts'
import { reportCutText } from './cut-text.ts'
import { SECTIONS, sectionsBeside } from './fields.ts'
import type { Field, Form, SectionName } from './form.ts'

/** A section whose structure was checked. What is malformed was reported, and reads as if it were not there. */
export class Section {
  readonly span: Span
  private readonly values: Map<string, unknown>
  private readonly trees: Map<string, Entry>

  constructor(span: Span, values: Map<string, unknown>, trees: Map<string, Entry>) {
    this.span = span
    this.values = values
    this.trees = trees
  }

  /** Whether the field is written, well or not. */
  has(name: string): boolean {
    return this.trees.has(name)
  }
  text(name: string): string | undefined {
    return this.values.get(name) as string | undefined
  }
  int(name: string): number | undefined {
    return this.values.get(name) as number | undefined
  }
  /** Milliseconds. */
  duration(name: string): number | undefined {
    return this.values.get(name) as number | undefined
  }
  bool(name: string): boolean | undefined {
    return this.values.get(name) as boolean | undefined
  }
  data(name: string): Json | undefined {
    return this.values.get(name) as Json | undefined
  }
  names(name: string): ScalarTree[] {
    return (this.values.get(name) as ScalarTree[] | undefined) ?? []
  }
  section(name: string): Section | undefined {
    const value = this.values.get(name)
    return value instanceof Section ? value : undefined
  }
  named(name: string): NamedSection[] {
    return (this.values.get(name) as NamedSection[] | undefined) ?? []
  }
  list(name: string): Section[] {
    return (this.values.get(name) as Section[] | undefined) ?? []
  }
  /** An expression or template, as it stands. */
  scalar(name: string): ScalarTree | undefined {
    return this.values.get(name) as ScalarTree | undefined
  }
  map(name: string): MapTree | undefined {
    return this.values.get(name) as MapTree | undefined
  }
  /** Where the field's value stands; the section's begin, where it does not. */
  at(name: string): Span {
    return this.trees.get(name)?.value ?? this.span
  }
  keyOf(name: string): Span {
    return this.trees.get(name)?.key ?? this.span
  }
}

export interface NamedSection {
  name: string
  key: Span
  section: Section
}

const NAME = /^[a-z][a-z0-9-]{0,59}$/
const IDENTIFIER = /^[A-Za-z_][A-Za-z0-9_]{0,59}$/

/** Reads a tree as a section: reports unknown, missing and malformed fields, within it and beneath. */
export function readSection(name: SectionName, tree: Tree, reporter: Reporter, at: Span = tree): Section | undefined {
  return new StructureReader(reporter).section(name, tree, at)
}

class StructureReader {
  private readonly reporter: Reporter
  /** The sections around the one that is read, outermost first. */
  private readonly around: SectionName[] = []
  /** Fields that were reported where they do not belong: where they do, they are not missing as well. */
  private readonly strays: Entry[] = []
  /** Named sections that stand within one of their kind: read after it, so that those who use them are not blamed too. */
  private readonly nested: Entry[] = []
  constructor(reporter: Reporter) {
    this.reporter = reporter
  }

  section(name: SectionName, tree: Tree, at: Span): Section | undefined {
    const { fields } = SECTIONS[name]
    if (tree.kind !== 'map') {
      const known = Object.keys(fields).slice(0, 4).join(', ')
      this.wrong(tree, `Here fields are needed (${known} …), and there is ${describe(tree)}.`, at)
      return undefined
    }
    if (this.isSplit(tree, fields)) return undefined
    const values = new Map<string, unknown>()
    this.around.push(name)
    for (const entry of tree.entries.values()) {
      const field = Object.hasOwn(fields, entry.name) ? fields[entry.name] : undefined
      if (!field) this.unknown(name, entry, tree)
      else {
        const value = this.value(entry.name, field.form, entry.value, entry.key)
        if (value !== undefined) values.set(entry.name, value)
      }
    }
    this.around.pop()
    // A field that was misspelt was reported, with what was meant: it is not missing as well.
    const unknown = [...tree.entries.keys()].filter((key) => !Object.hasOwn(fields, key))
    const meant = new Set(unknown.map((key) => this.meant(name, tree, key)))
    for (const [field, { required }] of Object.entries(fields))
      if (required && !tree.entries.has(field) && !meant.has(field) && !this.hasStray(field, tree))
        this.reporter.error('missing-field', at, `"${field}" is missing in this ${name}: ${fields[field]!.doc}`)
    return new Section(tree, values, tree.entries)
  }

  private hasStray(field: string, { start, end }: MapTree): boolean {
    return this.strays.some(({ name, key }) => name === field && key.start >= start && key.end <= end)
  }

  /** Whether a comma inside { } tore a value apart, so that the pieces make no sense. */
  private isSplit(tree: MapTree, fields: Record<string, Field>): boolean {
    if (!tree.flow) return false
    const piece = [...tree.entries.values()].find(
      ({ name }) => !Object.hasOwn(fields, name) && /[()[\]'"=<>&|]/.test(name),
    )
    const message = 'Inside { } a comma ends the value, so this became a field of its own. Quote the whole value.'
    if (piece) this.reporter.error('yaml-flow-split', piece.key, message)
    return piece !== undefined
  }

  private unknown(section: SectionName, entry: Entry, tree: MapTree): void {
    const { fields } = SECTIONS[section]
    if (this.isNested(section, entry)) return
    this.strays.push(entry)
    const meant = this.meant(section, tree, entry.name)
    const above = this.around.slice(0, -1).findLast((other) => Object.hasOwn(SECTIONS[other].fields, entry.name))
    const parameter = parameterOf(section, tree, entry.name)
    const elsewhere = sectionsBeside(section).find((other) => Object.hasOwn(SECTIONS[other].fields, entry.name))
    const hint = parameter
      ? ` It is a parameter of ${parameter}: indent it under "with".`
      : meant
        ? meant === section
          ? ` Write "${section}: ${entry.name}", and its fields beneath.`
          : ` Did you mean "${meant}"?`
        : above
          ? ` It is a field of ${above}: is it indented too deep?`
          : elsewhere
            ? ` It is a field of ${elsewhere}: is the indentation right?`
            : ''
    const known = Object.keys(fields).join(', ')
    this.reporter.error(
      'unknown-field',
      entry.key,
      `There is no field "${entry.name}" in this ${section}.${hint} (fields: ${known})`,
    )
  }

  /** A check among the fields of a check, a remedy among those of a remedy. */
  private isNested(section: SectionName, entry: Entry): boolean {
    if ((section !== 'check' && section !== 'remedy') || entry.value.kind !== 'map') return false
    const { fields } = SECTIONS[section]
    const names = [...entry.value.entries.keys()]
    if (!names.every((name) => Object.hasOwn(fields, name)) || !names.some((name) => fields[name]!.required))
      return false
    const message = `"${entry.name}" stands within a ${section}, and has the fields of a ${section} itself: is it indented too deep?`
    this.reporter.error('unknown-field', entry.key, message)
    this.nested.push(entry)
    return true
  }

  /** The field that an unknown one was probably meant to be. `- slow:` in a list was meant to be `- cause: slow`. */
  private meant(section: SectionName, { entries }: MapTree, unknown: string): string | undefined {
    const { fields } = SECTIONS[section]
    const near = nearest(unknown, Object.keys(fields))
    if (near !== undefined || !Object.hasOwn(fields, section) || entries.has(section)) return near
    const value = entries.get(unknown)!.value
    return entries.keys().next().value === unknown && (value.kind === 'map' || isNothing(value)) ? section : undefined
  }

  private wrong(tree: Tree, message: string, at: Span = tree): undefined {
    this.reporter.error('wrong-form', tree.end > tree.start ? tree : at, message)
    return undefined
  }

  private value(name: string, form: Form, tree: Tree, at: Span): unknown {
    if (typeof form === 'string') return this.simple(name, form, tree, at)
    if ('section' in form && !('words' in form)) return this.section(form.section, tree, at)
    if ('listOf' in form) return this.listOf(name, form.listOf, form.orWords ?? [], tree, at)
    if ('named' in form) return this.named(name, form.named, form.by, tree, at)
    if ('names' in form) return this.names(name, form.names, tree, at)
    if ('words' in form) {
      if (tree.kind === 'map') return this.section(form.section, tree, at)
      return this.word(name, form.words, tree, at, ', or fields')
    }
    if ('oneOf' in form) return this.word(name, form.oneOf, tree, at, '')
    if ('nameOr' in form) return this.simple(name, 'name', tree, at)
    if ('int' in form) return this.int(name, form.int, tree, at)
    if ('bound' in form) return this.bound(name, tree, at)
    return tree.kind === 'list' ? dataOf(tree) : this.wrong(tree, `"${name}" must be a list.`, at)
  }

  private simple(name: string, form: Extract<Form, string>, tree: Tree, at: Span): unknown {
    switch (form) {
      case 'data':
        return dataOf(tree)
      case 'bool':
        return scalarOf(tree, 'boolean') ?? this.wrong(tree, `"${name}" must be true or false.${unquote(tree)}`, at)
      case 'values':
      case 'results':
      case 'verdicts':
      case 'fates':
        return tree.kind === 'map' ? tree : this.wrong(tree, `"${name}" must be names and values.`, at)
      case 'duration':
        return this.duration(name, tree, at)
      case 'condition':
      case 'list expression':
        return this.expression(name, tree, at)
      case 'template':
        if (tree.kind === 'scalar') reportCutText(this.reporter, `"${name}"`, tree)
        return scalarOf(tree, 'string') === undefined ? this.text(name, tree, at) : tree
      default: {
        const text = this.text(name, tree, at)
        if (form === 'text' && tree.kind === 'scalar') reportCutText(this.reporter, `"${name}"`, tree)
        if (text === undefined || form === 'text') return this.withoutTemplate(name, text, tree)
        return this.named1(name, form, text, tree) ? text : undefined
      }
    }
  }

  private text(name: string, tree: Tree, at: Span): string | undefined {
    const text = scalarOf(tree, 'string')
    if (text !== undefined && text.trim() !== '') return text
    const first = this.reporter.source.text[tree.start] ?? ''
    const quote = isNothing(tree) || text !== undefined ? '' : quoteIt(tree, first)
    return this.wrong(tree, `"${name}" must be a text, and there is ${describe(tree)}.${quote}`, at)
  }

  private withoutTemplate(name: string, text: string | undefined, tree: Tree): string | undefined {
    if (text === undefined || !text.includes('${{')) return text
    this.reporter.error('no-expression-here', tree, `"${name}" is taken as it stands: no \${{ }} may be in it.`)
    return undefined
  }

  private named1(name: string, form: 'name' | 'identifier', text: string, at: Span): boolean {
    if ((form === 'name' ? NAME : IDENTIFIER).test(text)) return true
    const rule = form === 'name' ? 'lower-case letters, digits and hyphens' : 'letters, digits and "_"'
    const bare = text.replace(/^#/, '')
    if (form === 'name' && bare !== text && NAME.test(bare)) {
      this.reporter.error('bad-name', at, `Groups and channels are named without "#". Did you mean "${bare}"?`)
      return false
    }
    this.reporter.error(
      'bad-name',
      at,
      `"${text}" cannot be a name here: "${name}" takes ${rule}, first a letter, at most 60.`,
    )
    return false
  }

  private expression(name: string, tree: Tree, at: Span): Tree | undefined {
    if (tree.kind === 'scalar' && tree.value !== null) return tree
    if (tree.kind === 'map' && tree.flow) return this.wrong(tree, `"${name}" is an expression: put it in quotes.`, at)
    if (tree.kind === 'list')
      return this.wrong(tree, `"${name}" is an expression: a text that begins with "[" must be quoted.`, at)
    return this.wrong(tree, `"${name}" must be an expression, and there is ${describe(tree)}.`, at)
  }

  private duration(name: string, tree: Tree, at: Span): number | undefined {
    const text = scalarOf(tree, 'string')
    const ms = text === undefined ? undefined : parseDuration(text)
    if (ms !== undefined) return ms
    const value = tree.kind === 'scalar' ? tree.value : null
    const unit = typeof value === 'number' && value > 0 ? ` Did you mean ${value}s or ${value}m?` : ''
    this.reporter.error(
      'bad-duration',
      tree.end > tree.start ? tree : at,
      `"${name}" must be a duration with its unit, such as 30s, 15m, 24h, and never 0.${unit}`,
    )
    return undefined
  }

  private bound(name: string, tree: Tree, at: Span): number | string | undefined {
    const text = scalarOf(tree, 'string')
    if (text !== undefined && parseDuration(text) !== undefined) return text
    const what = `"${name}" must be a number, or a duration such as 30s, 15m, 24h.`
    return scalarOf(tree, 'number') ?? this.wrong(tree, `${what}${unquote(tree)}`, at)
  }

  private int(name: string, { min, max }: { min: number; max: number }, tree: Tree, at: Span): number | undefined {
    const value = scalarOf(tree, 'number')
    if (value !== undefined && Number.isInteger(value) && value >= min && value <= max) return value
    const range = min === max ? `${min}` : `a whole number from ${min} to ${max}`
    return this.wrong(tree, `"${name}" must be ${range}.${unquote(tree)}`, at)
  }

  private word(name: string, words: readonly string[], tree: Tree, at: Span, or: string): string | undefined {
    const text = scalarOf(tree, 'string')
    if (text !== undefined && words.includes(text)) return text
    const near = text === undefined ? '' : didYouMean(text, words)
    return this.wrong(tree, `"${name}" must be ${words.join(', ')}${or}.${near}`, at)
  }

  private names(name: string, form: 'name' | 'identifier', tree: Tree, at: Span): ScalarTree[] | undefined {
    const items = tree.kind === 'list' ? tree.items : [tree]
    const signed = items.find((item) => isChannelSign(item, this.reporter.source.text))
    if (signed) return this.wrong(signed, CHANNEL_SIGN, at)
    if (items.length === 0) return this.wrong(tree, `"${name}" must name at least one.`, at)
    const named = items.filter((item): item is ScalarTree => {
      const text = this.text(name, item, at)
      return text !== undefined && this.named1(name, form, text, item)
    })
    return named
  }

  /** A word stands for a section whose first field has that value. */
  private listOf(
    name: string,
    section: SectionName,
    words: readonly string[],
    tree: Tree,
    at: Span,
  ): Section[] | undefined {
    if (tree.kind !== 'list' || tree.items.length === 0)
      return this.wrong(tree, `"${name}" must be a list ("- …") with at least one ${section}.`, at)
    return (tree as ListTree).items.flatMap((item) => {
      if (words.length === 0 || item.kind !== 'scalar') return this.section(section, item, item) ?? []
      const word = this.word(name, words, item, at, ', or fields')
      return word === undefined ? [] : new Section(item, new Map([[section, word]]), new Map())
    })
  }

  /** A field that is indented too little stands among the names, and what is beneath it makes no sense there. */
  private isFieldOutOfPlace(section: SectionName, entry: Entry): boolean {
    const { name, key, value } = entry
    const { fields } = SECTIONS[section]
    const outer = this.around.at(-1)
    if (outer && value.kind !== 'map' && Object.hasOwn(SECTIONS[outer].fields, name)) {
      const deep = `"${name}" stands here as the name of a ${section}, and it is a field of ${outer}: is it indented too deep?`
      this.reporter.error('unknown-field', key, deep)
      this.strays.push(entry)
      return true
    }
    if (!Object.hasOwn(fields, name)) return false
    if (value.kind === 'map' && [...value.entries.keys()].every((field) => Object.hasOwn(fields, field))) return false
    const message = `"${name}" stands here as the name of a ${section}, and it is a field of ${section}: is it indented too little?`
    this.reporter.error('unknown-field', key, message)
    return true
  }

  private named(name: string, section: SectionName, by: 'name' | 'identifier', tree: Tree, at: Span): unknown {
    if (tree.kind !== 'map') return this.wrong(tree, `"${name}" must be names, each with its fields.`, at)
    const all: NamedSection[] = []
    const entries = [...tree.entries.values()]
    for (let entry = entries.shift(); entry; entry = entries.shift() ?? this.nested.shift()) {
      if (this.isFieldOutOfPlace(section, entry)) continue
      this.named1(name, by, entry.name, entry.key)
      // What is malformed keeps its name, so that those who use it are not blamed too.
      const read = this.section(section, entry.value, entry.key) ?? new Section(entry.value, new Map(), new Map())
      all.push({ name: entry.name, key: entry.key, section: read })
    }
    return all
  }
}

/** The kind of the check or action that has such a parameter. */
function parameterOf(section: SectionName, { entries }: MapTree, name: string): string | undefined {
  if (section !== 'check' && section !== 'action') return undefined
  const kind = entries.get(section)?.value
  const known = kind?.kind === 'scalar' ? kindNamed(String(kind.value)) : undefined
  return known && Object.hasOwn(known.parameters, name) ? known.kind : undefined
}

function quoteIt(tree: Tree, first: string): string {
  if (tree.kind === 'scalar') return ' Put it in quotes.'
  return first === '{' || first === '[' ? ` If it is a text that begins with "${first}", quote it.` : ''
}

/** A number or truth value that was put in quotes is a text. */
function unquote(tree: Tree): string {
  const text = tree.kind === 'scalar' && tree.style === 'quoted' ? String(tree.value) : ''
  return /^(true|false|[0-9.]+)$/.test(text) ? ' Write it without quotes.' : ''
}

const CHANNEL_SIGN =
  'YAML takes what begins with "#" for a comment, so nothing stands here. Groups and channels are named without "#": to: [oncall].'

function isChannelSign(tree: Tree, text: string): boolean {
  return isNothing(tree) && /^:?[ \t]*#[a-z]/.test(text.slice(tree.end))
}

function isNothing(tree: Tree): boolean {
  return tree.kind === 'scalar' && tree.value === null
}

function scalarOf(tree: Tree, type: 'string'): string | undefined
function scalarOf(tree: Tree, type: 'number'): number | undefined
function scalarOf(tree: Tree, type: 'boolean'): boolean | undefined
function scalarOf(tree: Tree, type: string): unknown {
  return tree.kind === 'scalar' && typeof tree.value === type ? tree.value : undefined
}
