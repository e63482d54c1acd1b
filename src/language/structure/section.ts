import type { Json } from '../../core/json.ts'
import type { Span } from '../parse/source.ts'
import type { Entry, MapTree, ScalarTree } from '../parse/tree.ts'

/** A section whose structure was checked. Malformed fields were reported; they have no value here. */
export class Section {
  readonly span: Span
  private readonly values: Map<string, unknown>
  private readonly entries: Map<string, Entry>

  /** The section's fields. `entries` has them by their correct names, even if a name is misspelt in the file. */
  constructor(span: Span, values: Map<string, unknown>, entries: Map<string, Entry>) {
    this.span = span
    this.values = values
    this.entries = entries
  }

  /** Whether the file has this field, whether it is valid or not. */
  has(name: string): boolean {
    return this.entries.has(name)
  }
  text(name: string): string | undefined {
    return this.values.get(name) as string | undefined
  }
  int(name: string): number | undefined {
    return this.values.get(name) as number | undefined
  }
  /** The duration in milliseconds. */
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
  /** An expression or template, in the form in which it is written. */
  scalar(name: string): ScalarTree | undefined {
    return this.values.get(name) as ScalarTree | undefined
  }
  map(name: string): MapTree | undefined {
    return this.values.get(name) as MapTree | undefined
  }
  /** The place of the field's value; the place of the section if the field is absent. */
  at(name: string): Span {
    return this.entries.get(name)?.value ?? this.span
  }
  keyOf(name: string): Span {
    return this.entries.get(name)?.key ?? this.span
  }
}

export interface NamedSection {
  name: string
  key: Span
  section: Section
}
