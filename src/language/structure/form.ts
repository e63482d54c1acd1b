/**
 * The fields of a section. The structural check, the editor schema, `runbook explain` and the reference all read this one definition.
 * Any other field is unknown.
 */
export interface SectionFields {
  doc: string
  fields: Record<string, Field>
}

export interface Field {
  form: Form
  required?: true
  /** Required if this other field of the section is absent. */
  requiredUnless?: string
  /** The description in one or two sentences, for hover texts and the reference. */
  doc: string
  /** The default, in words. */
  default?: string
}

export type Form =
  | 'string'
  | 'bool'
  | 'duration'
  /** A name of lower-case letters, digits and hyphens. */
  | 'name'
  /** A name that expressions know: letters, digits, `_`. */
  | 'identifier'
  /** A CEL expression without `${{ }}` whose value is a boolean. */
  | 'condition'
  /** A CEL expression without `${{ }}` whose value is a list. */
  | 'list expression'
  /** A string that may contain `${{ }}`. */
  | 'template'
  /** Any literal value. */
  | 'data'
  /** Names, each with a CEL expression without `${{ }}`. */
  | 'expressions'
  /** Names, each with a value or `${{ }}`. */
  | 'values'
  /** Checks, each with a result, `failed`, `timeout`, or phases. */
  | 'results'
  /** Causes, each with true, false or `undetermined`. */
  | 'verdicts'
  /** Targets, each with applied, skipped, refused or unknown. */
  | 'effects'
  | { int: { min: number; max: number } }
  /** A number, or a duration. */
  | { bound: true }
  | { oneOf: readonly string[] }
  /** A list of names. A single name may be written without the list. */
  | { names: 'name' | 'identifier' }
  | { list: 'data' }
  | { section: SectionName }
  /** Names, each with a section. */
  | { named: SectionName; by: 'name' | 'identifier' }
  /** A list of sections. With `orWords`, one of these words may replace a section. */
  | { listOf: SectionName; orWords?: readonly string[] }
  /** One of these words, or a section. */
  | { words: readonly string[]; section: SectionName }
  /** A name, or one of these words. */
  | { nameOr: readonly string[] }

export type RunbookSection =
  | 'runbook'
  | 'input'
  | 'detect'
  | 'check'
  | 'cause'
  | 'handoff'
  | 'ending'
  | 'remedy'
  | 'action'
  | 'limits'
  | 'approval'
  | 'verify'
  | 'wait'
  | 'batches'
  | 'rounds'
  | 'escalate'

export type ScenarioSection =
  | 'scenarios'
  | 'scenario'
  | 'given'
  | 'phase'
  | 'decision'
  | 'effect'
  | 'expectation'
  | 'round'
  | 'proposal'
  | 'proposed'

export type SectionName = RunbookSection | ScenarioSection
