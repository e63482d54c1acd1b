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
  /** One or two sentences: hover text and reference. */
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
  /** CEL without `${{ }}`; its value is a boolean. */
  | 'condition'
  /** CEL without `${{ }}`; its value is a list. */
  | 'list expression'
  /** A string that may contain `${{ }}`. */
  | 'template'
  /** Any literal. */
  | 'data'
  /** Name → CEL without `${{ }}`. */
  | 'expressions'
  /** Name → value or `${{ }}`. */
  | 'values'
  /** Check → result, `failed`, `timeout`, or phases. */
  | 'results'
  /** Cause → true, false, `undetermined`. */
  | 'verdicts'
  /** Target → applied, skipped, refused or unknown. */
  | 'effects'
  | { int: { min: number; max: number } }
  /** A number, or a duration. */
  | { bound: true }
  | { oneOf: readonly string[] }
  /** A list of names, or one name without the list. */
  | { names: 'name' | 'identifier' }
  | { list: 'data' }
  | { section: SectionName }
  /** Name → section. */
  | { named: SectionName; by: 'name' | 'identifier' }
  /** Sections; with `orWords`, one of these words may replace a section. */
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
