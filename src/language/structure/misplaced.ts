import { nearest } from '../../core/nearest.ts'
import { kindNamed } from '../kinds/kind-named.ts'
import { isNothing } from '../parse/tree.ts'
import type { Entry, MapTree, Tree } from '../parse/tree.ts'
import type { Reporter } from '../problems.ts'
import { SECTIONS, sectionsBeside } from './fields.ts'
import type { SectionName } from './form.ts'

/** What stands where it does not belong: told with where it was probably meant to stand, so that nothing else is blamed for it. */
export class Misplaced {
  private readonly reporter: Reporter
  /** The sections around the one that is read, outermost first. */
  private readonly around: SectionName[] = []
  /** Fields that were reported where they do not belong: where they do, they are not missing as well. */
  private readonly strays: Entry[] = []
  /** Named sections that stand elsewhere than among the names: read with those, so that those who use them are not blamed too. */
  private readonly nested: { section: SectionName; entry: Entry }[] = []

  constructor(reporter: Reporter) {
    this.reporter = reporter
  }

  within<T>(section: SectionName, read: () => T): T {
    this.around.push(section)
    try {
      return read()
    } finally {
      this.around.pop()
    }
  }

  /** The next section of this kind that was found elsewhere than among the names. */
  takeNested(section: SectionName): Entry | undefined {
    const next = this.nested.findIndex((one) => one.section === section)
    return next < 0 ? undefined : this.nested.splice(next, 1)[0]!.entry
  }

  /** Whether this field of the section at `tree` was reported to stand somewhere within it. */
  hasStray(field: string, { start, end }: MapTree): boolean {
    return this.strays.some(({ name, key }) => name === field && key.start >= start && key.end <= end)
  }

  unknownField(section: SectionName, entry: Entry, tree: MapTree): void {
    if (entry.isHollow) this.nested.push({ section, entry })
    if (entry.isHollow || this.isNested(section, entry)) return
    const known = Object.keys(SECTIONS[section].fields).join(', ')
    const hint = this.hint(section, entry, tree)
    const message = `There is no field "${entry.name}" in this ${section}.${hint} (fields: ${known})`
    this.reporter.error('unknown-field', entry.key, message)
  }

  /** A check among the fields of a check, a remedy among those of a remedy. */
  private isNested(section: SectionName, entry: Entry): boolean {
    if ((section !== 'check' && section !== 'remedy') || !looksLike(section, entry.value)) return false
    const message = `"${entry.name}" stands within a ${section}, and has the fields of a ${section} itself: is it indented too deep?`
    this.reporter.error('unknown-field', entry.key, message)
    this.nested.push({ section, entry })
    return true
  }

  private hint(section: SectionName, entry: Entry, tree: MapTree): string {
    const { name, value } = entry
    const parameter = parameterOf(section, tree, name)
    const meant = this.meant(section, tree, name)
    this.strays.push(entry)
    if (parameter) return ` It is a parameter of ${parameter}: indent it under "with".`
    if (meant === section) return ` Write "${section}: ${name}", and its fields beneath.`
    if (meant) return ` Did you mean "${meant}"?`
    for (const [field, { form }] of Object.entries(SECTIONS[section].fields)) {
      if (typeof form !== 'object' || !('named' in form) || !looksLike(form.named, value)) continue
      this.nested.push({ section: form.named, entry })
      return ` It has the fields of a ${form.named}: indent it under "${field}".`
    }
    const above = this.around.slice(0, -1).findLast((other) => hasField(other, name))
    if (above) return ` It is a field of ${above}: is it indented too deep?`
    const elsewhere = sectionBefore(section, entry, tree) ?? sectionsBeside(section).find((one) => hasField(one, name))
    return elsewhere ? ` It is a field of ${elsewhere}: is the indentation right?` : ''
  }

  /** The field that an unknown one was probably meant to be. `- slow:` in a list was meant to be `- cause: slow`. */
  meant(section: SectionName, { entries }: MapTree, unknown: string): string | undefined {
    const near = nearest(unknown, Object.keys(SECTIONS[section].fields))
    if (near !== undefined || !hasField(section, section) || entries.has(section)) return near
    const value = entries.get(unknown)!.value
    return entries.keys().next().value === unknown && (value.kind === 'map' || isNothing(value)) ? section : undefined
  }

  /** Whether a field stands among the names of sections; it is reported, as what is beneath it makes no sense there. */
  isFieldAmongNames(section: SectionName, entry: Entry): boolean {
    const { name, key, value } = entry
    const { fields } = SECTIONS[section]
    const outer = this.around.at(-1)
    if (outer && value.kind !== 'map' && hasField(outer, name)) {
      const deep = `"${name}" stands here as the name of a ${section}, and it is a field of ${outer}: is it indented too deep?`
      this.reporter.error('unknown-field', key, deep)
      this.strays.push(entry)
      return true
    }
    if (!hasField(section, name)) return false
    if (value.kind === 'map' && [...value.entries.keys()].every((field) => Object.hasOwn(fields, field))) return false
    const message = `"${name}" stands here as the name of a ${section}, and it is a field of ${section}: is it indented too little?`
    this.reporter.error('unknown-field', key, message)
    return true
  }
}

function hasField(section: SectionName, field: string): boolean {
  return Object.hasOwn(SECTIONS[section].fields, field)
}

/** Whether all its fields are those of such a section, and one is there that no such section lacks. */
function looksLike(section: SectionName, tree: Tree): boolean {
  if (tree.kind !== 'map') return false
  const { fields } = SECTIONS[section]
  const names = [...tree.entries.keys()]
  return names.every((name) => hasField(section, name)) && names.some((name) => fields[name]!.required)
}

/** The section that stands before it on its level and has such a field: what is indented too little follows its section. */
function sectionBefore(section: SectionName, entry: Entry, { entries }: MapTree): SectionName | undefined {
  const names = [...entries.keys()]
  const before = names.slice(0, names.indexOf(entry.name)).reverse()
  return before.flatMap((name) => {
    const form = hasField(section, name) ? SECTIONS[section].fields[name]!.form : undefined
    return typeof form === 'object' && 'section' in form && hasField(form.section, entry.name) ? [form.section] : []
  })[0]
}

/** The kind of the check or action that has such a parameter. */
function parameterOf(section: SectionName, { entries }: MapTree, name: string): string | undefined {
  if (section !== 'check' && section !== 'action') return undefined
  const kind = entries.get(section)?.value
  const known = kind?.kind === 'scalar' ? kindNamed(String(kind.value)) : undefined
  return known && Object.hasOwn(known.parameters, name) ? known.name : undefined
}
