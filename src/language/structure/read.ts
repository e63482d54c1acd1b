import type { Span } from '../parse/source.ts'
import { describe } from '../parse/tree.ts'
import type { Entry, MapTree, Tree } from '../parse/tree.ts'
import type { Reporter } from '../problems.ts'
import { SECTIONS } from './fields.ts'
import type { Field, Form, SectionName } from './form.ts'
import { MisplacedFields } from './misplaced.ts'
import { Section, type NamedSection } from './section.ts'
import { ValueReader } from './read-values.ts'

/** Reads a tree as a section. Reports unknown, missing and malformed fields, both in the section and in the sections inside it. */
export function readSection(name: SectionName, tree: Tree, reporter: Reporter, at: Span = tree): Section | undefined {
  return new StructureReader(reporter).section(name, tree, at)
}

class StructureReader {
  private readonly reporter: Reporter
  private readonly values: ValueReader
  private readonly misplaced: MisplacedFields

  constructor(reporter: Reporter) {
    this.reporter = reporter
    this.values = new ValueReader(reporter)
    this.misplaced = new MisplacedFields(reporter)
  }

  section(name: SectionName, tree: Tree, at: Span): Section | undefined {
    const { fields } = SECTIONS[name]
    if (tree.kind !== 'map') {
      const known = Object.keys(fields).slice(0, 4).join(', ')
      return this.values.wrong(tree, `Expected fields (${known} …), but found ${describe(tree)}.`, at)
    }
    if (this.isSplit(tree, fields)) return undefined
    const values = new Map<string, unknown>()
    const entries = new Map(tree.entries)
    this.misplaced.within(name, () => {
      // Unknown fields are read first, because one of them may be a misspelt field, or a section that belongs to a field that is read
      // below.
      for (const entry of tree.entries.values()) {
        if (Object.hasOwn(fields, entry.name)) continue
        const intended = this.misplaced.unknownField(name, entry, tree)
        if (intended !== undefined && !entries.has(intended)) entries.set(intended, entry)
      }
      for (const [field, entry] of entries) {
        if (!Object.hasOwn(fields, field)) continue
        const value = this.value(field, fields[field]!.form, entry.value, entry.key)
        if (value !== undefined) values.set(field, value)
      }
    })
    this.reportMissing(name, tree, at)
    return new Section(tree, values, entries)
  }

  private reportMissing(name: SectionName, tree: MapTree, at: Span): void {
    const { fields } = SECTIONS[name]
    // A misspelt field was reported already, with a suggestion: it is not missing as well.
    const unknown = [...tree.entries.keys()].filter((key) => !Object.hasOwn(fields, key))
    const intended = new Set(unknown.map((key) => this.misplaced.intendedField(name, tree, key)))
    const isPresent = (field: string) => tree.entries.has(field) || intended.has(field)
    for (const [field, { required, requiredUnless, doc }] of Object.entries(fields))
      if (
        (required || (requiredUnless !== undefined && !isPresent(requiredUnless))) &&
        !isPresent(field) &&
        !this.misplaced.wasReported(field, tree)
      )
        this.reporter.error('missing-field', at, `"${field}" is missing in this ${name}: ${doc}`)
  }

  /** Reports a value in { } that YAML split at a comma. The parts make no sense as fields, so none of them is read. */
  private isSplit(tree: MapTree, fields: Record<string, Field>): boolean {
    if (!tree.flow) return false
    const part = [...tree.entries.values()].find(
      ({ name }) => !Object.hasOwn(fields, name) && /[()[\]'"=<>&|]/.test(name),
    )
    const message = 'Inside { } a comma ends the value, so YAML reads this as another field. Quote the whole value.'
    if (part) this.reporter.error('yaml-flow-split', part.key, message)
    return part !== undefined
  }

  private value(name: string, form: Form, tree: Tree, at: Span): unknown {
    if (typeof form === 'string') return this.values.value(name, form, tree, at)
    if ('words' in form && tree.kind !== 'map') return this.values.word(name, form.words, tree, at, ', or fields')
    if ('section' in form) return this.section(form.section, tree, at)
    if ('listOf' in form) return this.listOf(name, form.listOf, form.orWords ?? [], tree, at)
    if ('named' in form) return this.named(name, form.named, form.by, tree, at)
    return this.values.value(name, form, tree, at)
  }

  /** In a list of sections, a word is short for a section whose first field has that value. */
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
    if (tree.kind !== 'map') return this.values.wrong(tree, `"${name}" must hold names, each with its fields.`, at)
    const all: NamedSection[] = []
    const read = (entry: Entry) => {
      this.values.isNamed(name, by, entry.name, entry.key)
      // A malformed section keeps its name, so that references to it cause no further problems.
      const found = this.section(section, entry.value, entry.key)
      all.push({ name: entry.name, key: entry.key, section: found ?? new Section(entry.value, new Map(), new Map()) })
    }
    for (const entry of tree.entries.values()) if (!this.misplaced.isFieldAmongNames(section, entry)) read(entry)
    const nested = () => this.misplaced.takeNested(section)
    for (let entry = nested(); entry; entry = nested()) read(entry)
    return all
  }
}
