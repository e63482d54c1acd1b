import type { Json, JsonObject } from '../../core/json.ts'
import type { Type } from '../../core/plan.ts'

/**
 * The description of a check or action kind, for the compiler, the editor schema, the reference and `runbook explain`. The file of the
 * same name in activities/checks or activities/actions implements it; a test compares the two.
 */
export interface Kind {
  /** The kind's name, such as `sql.query`. */
  name: string
  /** `read`: a check. `write`: an action that needs an approval. `message` and `person`: actions that need no approval. */
  access: 'read' | 'write' | 'message' | 'person'
  /** What the kind does, in one sentence. */
  summary: string
  /** Further paragraphs: what it reads or writes, and its limits. */
  doc: string
  parameters: Record<string, Parameter>
  /** The type of the result; can depend on literal parameters, such as the declared columns. `expect` of an action reads the result. */
  result(parameters: Record<string, unknown>): Type
  /**
   * Fields other than `rows` that are incomplete in a truncated result. In the complete result, the number could be greater or the list
   * longer (`grows`), the number less or the list shorter (`shrinks`), or the value different (`changes`).
   */
  partial?: Record<string, 'grows' | 'shrinks' | 'changes'>
  /**
   * Fields that a scenario may omit, with their values in a healthy system, computed from the fields that the scenario gives. A field whose
   * value does not follow from these is left out here, and the scenario must give it.
   */
  healthy?: {
    result(given: JsonObject): JsonObject
    row?(given: JsonObject): JsonObject
  }
  /** The parameter that selects what is changed. In a remedy with `for` it must use the target, or every target would change the same. */
  targetParameter?: string
  /**
   * The problems of the parameters beyond their types; empty if there are none. The text of `message` follows the name of the parameter.
   */
  validate?(parameters: Record<string, unknown>): { parameter: string; message: string }[]
  /** The default `timeout` in milliseconds. A check of at most 5000 ms runs as a local activity. */
  timeoutMs: number
  /** A YAML example, compiled by a test. */
  example: string
}

export interface Parameter {
  type: ParameterType
  required: boolean
  default?: Json
  doc: string
  /** A literal that cannot contain `${{ }}`, because it becomes SQL text, the name of a table or the name of a command. */
  literal: boolean
}

export type ParameterType =
  /** A value of this type, or an expression of this type. */
  | { value: Type }
  /** The name of a configured connection of one of these kinds. */
  | { connection: ConnectionKind[] }
  | { oneOf: string[] }
  /** One SQL statement, with `$1`, `$2` … for values. */
  | { sql: 'read' | 'write' }
  /** Column name → type; `?` after a type makes it nullable. */
  | { columns: true }
  /** Names, each with a value of any type (column values, form fields, labels). */
  | { record: Type }
  | { duration: true }

export type ConnectionKind = 'postgres' | 'bullmq' | 'redis' | 'http' | 'process' | 'logs' | 'channel'

/** The parameter `connection`, for every kind that uses an external system. */
export function connectionTo(kinds: ConnectionKind[], doc: string): Parameter {
  return { type: { connection: kinds }, required: true, doc, literal: true }
}
