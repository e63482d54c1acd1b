/**
 * The fields of a section: the one source for the structural check, the editor schema, `runbook explain` and the reference. What does
 * not stand there is an unknown field.
 */
export interface SectionFields {
  doc: string
  fields: Record<string, Field>
}

export interface Field {
  form: Form
  required?: true
  /** Required where this other field of the section is absent. */
  requiredUnless?: string
  /** One or two sentences: hover text and reference. */
  doc: string
  /** What holds when the field is left out, for people. */
  otherwise?: string
}

export type Form =
  | 'text'
  | 'bool'
  | 'duration'
  /** Lower case, digits and hyphens. */
  | 'name'
  /** A name that expressions know: letters, digits, `_`. */
  | 'identifier'
  /** CEL, bare, that gives true or false. */
  | 'condition'
  /** CEL, bare, that gives a list. */
  | 'list expression'
  /** Text in which `${{ }}` may stand. */
  | 'template'
  /** Any literal. */
  | 'data'
  /** Name → value or `${{ }}`. */
  | 'values'
  /** Check → result, `failed`, `timeout`, or phases. */
  | 'results'
  /** Cause → true, false, `undetermined`. */
  | 'verdicts'
  /** Target → what became of it. */
  | 'fates'
  | { int: { min: number; max: number } }
  /** A number, or a duration. */
  | { bound: true }
  | { oneOf: readonly string[] }
  /** A list of names; one name alone may stand without the list. */
  | { names: 'name' | 'identifier' }
  | { list: 'data' }
  | { section: SectionName }
  /** Name → section. */
  | { named: SectionName; by: 'name' | 'identifier' }
  /** Sections; where there are words, one of them may stand for a section. */
  | { listOf: SectionName; orWords?: readonly string[] }
  /** Either one of these words, or a section. */
  | { words: readonly string[]; section: SectionName }
  /** Either a name, or one of these words. */
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
