import type { Span } from '../parse/source.ts'
import { describe } from '../parse/tree.ts'
import type { Entry, MapTree, Tree } from '../parse/tree.ts'
import type { Reporter } from '../problems.ts'
import { SECTIONS } from './fields.ts'
import type { Field, Form, SectionName } from './form.ts'
import { Misplaced } from './misplaced.ts'
import { Section, type NamedSection } from './section.ts'
import { ValueReader } from './read-values.ts'

/** Reads a tree as a section: reports unknown, missing and malformed fields, within it and beneath. */
export function readSection(name: SectionName, tree: Tree, reporter: Reporter, at: Span = tree): Section | undefined {
  return new StructureReader(reporter).section(name, tree, at)
}

class StructureReader {
  private readonly reporter: Reporter
  private readonly values: ValueReader
  private readonly misplaced: Misplaced

  constructor(reporter: Reporter) {
    this.reporter = reporter
    this.values = new ValueReader(reporter)
    this.misplaced = new Misplaced(reporter)
  }

  section(name: SectionName, tree: Tree, at: Span): Section | undefined {
    const { fields } = SECTIONS[name]
    if (tree.kind !== 'map') {
      const known = Object.keys(fields).slice(0, 4).join(', ')
      return this.values.wrong(tree, `Here fields are needed (${known} …), and there is ${describe(tree)}.`, at)
    }
    if (this.isSplit(tree, fields)) return undefined
    const values = new Map<string, unknown>()
    this.misplaced.within(name, () => {
      const entries = [...tree.entries.values()]
      // First what does not belong here: it may be a section of those that are read then.
      for (const entry of entries)
        if (!Object.hasOwn(fields, entry.name)) this.misplaced.unknownField(name, entry, tree)
      for (const entry of entries) {
        const field = Object.hasOwn(fields, entry.name) ? fields[entry.name]! : undefined
        const value = field && this.value(entry.name, field.form, entry.value, entry.key)
        if (value !== undefined) values.set(entry.name, value)
      }
    })
    this.reportMissing(name, tree, at)
    return new Section(tree, values, tree.entries)
  }

  private reportMissing(name: SectionName, tree: MapTree, at: Span): void {
    const { fields } = SECTIONS[name]
    // A field that was misspelt was reported, with what was meant: it is not missing as well.
    const unknown = [...tree.entries.keys()].filter((key) => !Object.hasOwn(fields, key))
    const meant = new Set(unknown.map((key) => this.misplaced.meant(name, tree, key)))
    for (const [field, { required, requiredUnless, doc }] of Object.entries(fields))
      if (
        (required || (requiredUnless !== undefined && !tree.entries.has(requiredUnless))) &&
        !tree.entries.has(field) &&
        !meant.has(field) &&
        !this.misplaced.hasStray(field, tree)
      )
        this.reporter.error('missing-field', at, `"${field}" is missing in this ${name}: ${doc}`)
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

  private value(name: string, form: Form, tree: Tree, at: Span): unknown {
    if (typeof form === 'string') return this.values.value(name, form, tree, at)
    if ('words' in form && tree.kind !== 'map') return this.values.word(name, form.words, tree, at, ', or fields')
    if ('section' in form) return this.section(form.section, tree, at)
    if ('listOf' in form) return this.listOf(name, form.listOf, form.orWords ?? [], tree, at)
    if ('named' in form) return this.named(name, form.named, form.by, tree, at)
    return this.values.value(name, form, tree, at)
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
      return this.values.wrong(tree, `"${name}" must be a list ("- …") with at least one ${section}.`, at)
    return tree.items.flatMap((item) => {
      if (words.length === 0 || item.kind !== 'scalar') return this.section(section, item, item) ?? []
      const word = this.values.word(name, words, item, at, ', or fields')
      return word === undefined ? [] : new Section(item, new Map([[section, word]]), new Map())
    })
  }

  private named(
    name: string,
    section: SectionName,
    by: 'name' | 'identifier',
    tree: Tree,
    at: Span,
  ): NamedSection[] | undefined {
    if (tree.kind !== 'map') return this.values.wrong(tree, `"${name}" must be names, each with its fields.`, at)
    const all: NamedSection[] = []
    const read = (entry: Entry) => {
      this.values.isNamed(name, by, entry.name, entry.key)
      // What is malformed keeps its name, so that those who use it are not blamed too.
      const found = this.section(section, entry.value, entry.key)
      all.push({ name: entry.name, key: entry.key, section: found ?? new Section(entry.value, new Map(), new Map()) })
    }
    for (const entry of tree.entries.values()) if (!this.misplaced.isFieldAmongNames(section, entry)) read(entry)
    const nested = () => this.misplaced.takeNested(section)
    for (let entry = nested(); entry; entry = nested()) read(entry)
    return all
  }
}
