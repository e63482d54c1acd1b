import { nearest } from '../../core/nearest.ts'
import { kindNamed } from '../kinds/table.ts'
import { isEmpty } from '../parse/tree.ts'
import type { Entry, MapTree, Tree } from '../parse/tree.ts'
import type { Reporter } from '../problems.ts'
import { SECTIONS, sectionsOfSameFile } from './fields.ts'
import type { Form, SectionName } from './form.ts'

/**
 * Finds fields with a wrong name or at a wrong place. Each is reported once, with a suggestion, and is then read as the field that the
 * author probably meant, so that one mistake does not cause further problems.
 */
export class MisplacedFields {
  private readonly reporter: Reporter
  /** The section that is being read and the sections around it, outermost first. */
  private readonly enclosing: SectionName[] = []
  /** The fields that were reported here. They are not reported as missing at the place where they belong. */
  private readonly reported: Entry[] = []
  /**
   * Named sections that were found outside their list of names. They are read together with that list, so that references to them resolve.
   */
  private readonly nested: { section: SectionName; entry: Entry }[] = []

  constructor(reporter: Reporter) {
    this.reporter = reporter
  }

  within<T>(section: SectionName, read: () => T): T {
    this.enclosing.push(section)
    try {
      return read()
    } finally {
      this.enclosing.pop()
    }
  }

  /** Removes and returns the next section of this kind that was found outside its list of names. */
  takeNested(section: SectionName): Entry | undefined {
    const next = this.nested.findIndex((one) => one.section === section)
    return next < 0 ? undefined : this.nested.splice(next, 1)[0]!.entry
  }

  /** Whether this field of the section at `tree` was reported at another place inside that section. */
  wasReported(field: string, { start, end }: MapTree): boolean {
    return this.reported.some(({ name, key }) => name === field && key.start >= start && key.end <= end)
  }

  /** Reports an unknown field. If it is a misspelling of a field that is absent, returns that field, as which it is then read. */
  unknownField(section: SectionName, entry: Entry, tree: MapTree): string | undefined {
    if (entry.hasDisplacedFields) this.nested.push({ section, entry })
    if (entry.hasDisplacedFields || this.isNested(section, entry)) return undefined
    const { fields } = SECTIONS[section]
    const hint = this.hint(section, entry, tree)
    const known = Object.keys(fields).join(', ')
    const message = `There is no field "${entry.name}" in this ${section}.${hint} (fields: ${known})`
    this.reporter.error('unknown-field', entry.key, message)
    if (parameterOf(section, tree, entry.name)) return undefined
    const intended = this.intendedField(section, tree, entry.name)
    if (intended === undefined || tree.entries.has(intended) || isEmpty(entry.value)) return undefined
    return fits(fields[intended]!.form, entry.value) ? intended : undefined
  }

  /** Reports a check among the fields of a check, or a remedy among those of a remedy. */
  private isNested(section: SectionName, entry: Entry): boolean {
    if ((section !== 'check' && section !== 'remedy') || !looksLike(section, entry.value)) return false
    const message = `"${entry.name}" is inside a ${section}, and it has the fields of a ${section} itself: is it indented too deep?`
    this.reporter.error('unknown-field', entry.key, message)
    this.nested.push({ section, entry })
    return true
  }

  private hint(section: SectionName, entry: Entry, tree: MapTree): string {
    const { name, value } = entry
    const parameter = parameterOf(section, tree, name)
    const intended = this.intendedField(section, tree, name)
    this.reported.push(entry)
    if (parameter) return ` It is a parameter of ${parameter}: indent it under "with".`
    if (intended === section) return ` Write "${section}: ${name}", and its other fields below it.`
    if (intended) return ` Did you mean "${intended}"?`
    for (const [field, { form }] of Object.entries(SECTIONS[section].fields)) {
      if (typeof form !== 'object' || !('named' in form) || !looksLike(form.named, value)) continue
      this.nested.push({ section: form.named, entry })
      return ` It has the fields of a ${form.named}: indent it under "${field}".`
    }
    const outer = this.enclosing.slice(0, -1).findLast((other) => hasField(other, name))
    if (outer) return ` It is a field of ${outer}: is it indented too deep?`
    const elsewhere =
      sectionBefore(section, entry, tree) ?? sectionsOfSameFile(section).find((one) => hasField(one, name))
    return elsewhere ? ` It is a field of ${elsewhere}: is the indentation right?` : ''
  }

  /**
   * The field that the author probably meant by an unknown name: by its spelling, or else by what it holds, such as checks under
   * `checks` instead of `diagnose`. `- slow:` in a list of causes is probably `- cause: slow`.
   */
  intendedField(section: SectionName, tree: MapTree, unknown: string): string | undefined {
    const { fields } = SECTIONS[section]
    const near = nearest(unknown, Object.keys(fields))
    if (near !== undefined) return near
    const { value } = tree.entries.get(unknown)!
    const absent = Object.keys(fields).filter((field) => !tree.entries.has(field))
    const bySections = absent.find((field) => holdsSections(fields[field]!.form, value))
    if (bySections !== undefined) return bySections
    const isFieldElsewhere = sectionsOfSameFile(section).some((other) => hasField(other, unknown))
    const bySection = isFieldElsewhere ? undefined : absent.find((field) => isSection(fields[field]!.form, value))
    if (bySection !== undefined || !hasField(section, section) || tree.entries.has(section)) return bySection
    const isFirst = tree.entries.keys().next().value === unknown
    return isFirst && (value.kind === 'map' || isEmpty(value)) ? section : undefined
  }

  /** Whether a field was written among the names of sections. Such a field is reported and not read. */
  isFieldAmongNames(section: SectionName, entry: Entry): boolean {
    const { name, key, value } = entry
    const { fields } = SECTIONS[section]
    const outer = this.enclosing.at(-1)
    if (outer && value.kind !== 'map' && hasField(outer, name)) {
      const message = `"${name}" is used as the name of a ${section} here, but it is a field of ${outer}: is it indented too deep?`
      this.reporter.error('unknown-field', key, message)
      this.reported.push(entry)
      return true
    }
    if (!hasField(section, name)) return false
    if (value.kind === 'map' && [...value.entries.keys()].every((field) => Object.hasOwn(fields, field))) return false
    const message = `"${name}" is used as the name of a ${section} here, but it is a field of ${section}: is it indented too little?`
    this.reporter.error('unknown-field', key, message)
    return true
  }
}

function hasField(section: SectionName, field: string): boolean {
  return Object.hasOwn(SECTIONS[section].fields, field)
}

/** Whether the tree has only fields of this section, and at least one that the section requires. */
function looksLike(section: SectionName, tree: Tree): boolean {
  if (tree.kind !== 'map') return false
  const { fields } = SECTIONS[section]
  const names = [...tree.entries.keys()]
  return (
    names.every((name) => hasField(section, name)) &&
    names.some((name) => fields[name]!.required || fields[name]!.requiredUnless)
  )
}

/** Whether the tree holds the sections of this form: names with sections, or a list of sections. */
function holdsSections(form: Form, tree: Tree): boolean {
  if (typeof form !== 'object') return false
  if ('named' in form && tree.kind === 'map' && tree.entries.size > 0)
    return [...tree.entries.values()].every(({ value }) => looksLike(form.named, value))
  if ('listOf' in form && tree.kind === 'list' && tree.items.length > 0)
    return tree.items.every((item) => looksLike(form.listOf, item))
  return false
}

function isSection(form: Form, tree: Tree): boolean {
  return typeof form === 'object' && 'section' in form && looksLike(form.section, tree)
}

/** Whether a tree is a map, a list or a scalar, as the field's form requires. */
function fits(form: Form, { kind }: Tree): boolean {
  if (form === 'data') return true
  if (typeof form === 'string') return kind === (HOLDS_NAMES.has(form) ? 'map' : 'scalar')
  if ('named' in form) return kind === 'map'
  if ('section' in form) return kind === 'map' || ('words' in form && kind === 'scalar')
  if ('listOf' in form || 'list' in form) return kind === 'list'
  return kind === 'scalar' || ('names' in form && kind === 'list')
}

const HOLDS_NAMES = new Set(['values', 'results', 'verdicts', 'effects'])

/**
 * The section before this field, at the same level, that can have such a field. A field that is indented too little follows the section to
 * which it belongs.
 */
function sectionBefore(section: SectionName, entry: Entry, { entries }: MapTree): SectionName | undefined {
  const names = [...entries.keys()]
  const before = names.slice(0, names.indexOf(entry.name)).reverse()
  return before.flatMap((name) => {
    const form = hasField(section, name) ? SECTIONS[section].fields[name]!.form : undefined
    return typeof form === 'object' && 'section' in form && hasField(form.section, entry.name) ? [form.section] : []
  })[0]
}

/** The kind of this check or action, if it has a parameter of this name. */
function parameterOf(section: SectionName, { entries }: MapTree, name: string): string | undefined {
  if (section !== 'check' && section !== 'action') return undefined
  const kind = entries.get(section)?.value
  const known = kind?.kind === 'scalar' ? kindNamed(String(kind.value)) : undefined
  return known && Object.hasOwn(known.parameters, name) ? known.name : undefined
}
