import type { Json } from '../../core/json.ts'
import type { Type } from '../../core/plan.ts'

/**
 * The description of a check or action kind: the one source for the compiler, the editor schema, the reference and `runbook explain`.
 * Its implementation is the file of the same name under `activities/`; a test compares the two.
 */
export interface Kind {
  /** `sql.query` */
  name: string
  /** `read`: a check. `write`: an action that needs an approval. `message` and `person`: actions that need none. */
  access: 'read' | 'write' | 'message' | 'person'
  /** One sentence. */
  summary: string
  /** Further paragraphs: what it reads or writes, its limits, what it is not. */
  doc: string
  parameters: Record<string, Parameter>
  /** The result's type; may depend on literal parameters, such as the declared columns. For an action: what `expect` sees. */
  result(parameters: Record<string, unknown>): Type
  /**
   * Fields beside `rows` that a truncated result says less of than the truth: were everything there, a number could be greater or a list
   * longer (`grows`), less or shorter (`shrinks`), or it could be anything else (`changes`).
   */
  partial?: Record<string, 'grows' | 'shrinks' | 'changes'>
  /** The parameter that says what is changed. In a remedy with `for` it must use that name: what it names else is the same for every target. */
  aim?: string
  /** Problems that concern several parameters at once, by parameter name; none when it is well. */
  validate?(parameters: Record<string, unknown>): { parameter: string; message: string }[]
  /** Default of a check's `timeout`, in milliseconds; up to 5000 a check runs as a local activity. */
  timeoutMs: number
  /** A YAML example, compiled by a test. */
  example: string
}

export interface Parameter {
  type: ParameterType
  required: boolean
  default?: Json
  doc: string
  /** No `${{ }}` may stand in it: it becomes SQL text, a table's name, a command's name. */
  literal: boolean
}

export type ParameterType =
  /** A value of this type, or an expression that gives one. */
  | { value: Type }
  /** The name of a configured connection of one of these kinds. */
  | { connection: ConnectionKind[] }
  | { oneOf: string[] }
  /** SQL text: one statement, `$1`… for values. */
  | { sql: 'read' | 'write' }
  /** Column name → type, `?` behind a type for nullable. */
  | { columns: true }
  /** Name → value of any type (column values, form fields, labels). */
  | { record: Type }
  | { duration: true }

export type ConnectionKind = 'postgres' | 'bullmq' | 'redis' | 'http' | 'process' | 'logs' | 'channel'

/** The parameter `connection`, which every kind that reaches out has. */
export function connectionTo(kinds: ConnectionKind[], doc: string): Parameter {
  return { type: { connection: kinds }, required: true, doc, literal: true }
}
