import type { Json } from './json.ts'
import type { Strength } from './strength.ts'

/** The version of the plan's format. The workflow refuses plans of another version. */
export const IR_VERSION = 2

/**
 * A compiled runbook: typed, immutable JSON (≤ 128 kB), without positions and comments. `planDigest` is the digest of this
 * whole object. It travels in the workflow's input, so that editing a runbook never changes a running incident.
 */
export interface Plan {
  irVersion: number
  /** The runbook's name. */
  name: string
  /** The incident type that this runbook treats. */
  incident: string
  title: string
  owner?: string
  inputs: Record<string, InputSpec>
  key: Value
  /** The condition that is true while the incident exists. Absent: the symptom counts as present. */
  symptom?: Expression
  /** How the engine detects the symptom by itself. With `shadow`, the engine only records which incidents it would open. */
  detect?: { everyMs: number; for: number; againMs: number; shadow?: true }
  /** The checks. Each check comes after the checks that it needs. */
  checks: PlanCheck[]
  /** The causes, the most fundamental one first. */
  causes: PlanCause[]
  otherwise: Ending
  remedies: Record<string, PlanRemedy>
  rounds: {
    ineffective: number
    total: number
    /**
     * How often the checks of one incident run again before it is escalated because no known cause holds, and the pause before each run.
     */
    again?: { times: number; everyMs: number }
  }
  escalate: { to: string[]; message: Value }
}

export type InputType = 'string' | 'int' | 'number' | 'bool' | 'duration'

export interface InputSpec {
  type: InputType
  optional: boolean
  default?: Json
  description?: string
  enum?: Json[]
  min?: number
  max?: number
  /** A regular expression that the whole string must match. The compiler accepts only patterns that match quickly. */
  pattern?: string
}

/**
 * The type of an expression, a check's result or a declared column. In JSON, an `int` is a number (a CEL int in expressions), and a
 * `duration` is a string (`1h`).
 */
export type Type =
  | 'string'
  | 'int'
  | 'double'
  | 'bool'
  | 'duration'
  | 'dyn'
  | { list: Type }
  | { object: Record<string, Type> }
  | { nullable: Type }

/** A CEL expression, checked when it was compiled. */
export interface Expression {
  cel: string
  /**
   * The names of the checks that the expression reads, directly or through `affects`. If one of them failed, the expression is
   * undetermined.
   */
  checks: string[]
  /** The checks whose missing rows, if their result is truncated, could only turn the value from false to true, or make a list longer. */
  grows: string[]
  /**
   * The checks whose missing rows, if their result is truncated, could turn the value from true to false, make a list shorter, or change
   * the value in another way.
   */
  shrinks: string[]
}

/** A template: a literal, one expression whose value keeps its type, a text with expressions inside, or a structure of templates. */
export type Value =
  | { lit: Json }
  | { expr: Expression }
  | { text: (string | Expression)[] }
  | { list: Value[] }
  | { map: Record<string, Value> }

export interface PlanCheck {
  name: string
  /** The check's kind, such as `sql.query`. */
  kind: string
  with: Record<string, Value>
  /** The checks that must run first, because `with` refers to them. */
  needs: string[]
  timeoutMs: number
  /** How many further attempts follow a failure, within `timeoutMs`. */
  retries: number
  /** The result's type, for evaluating expressions over it. */
  result: Type
}

export interface PlanCause {
  name: string
  title: string
  when?: Expression
  affects?: Expression
  /** The affected items in a plan that the engine made itself, such as an undo. A cause with this field has no `affects`. */
  items?: Json[]
  /** The type of one affected item; present if `affects` is. */
  affectsItem?: Type
  because: Value
  /** The checks that may be missing for the causes above without blocking the remedy of this cause. */
  despite: string[]
  then: Ending | { remedy: string }
}

/** How the incident ends if no remedy is applied. */
export type Ending =
  { end: 'escalate' } | { end: 'no-action' } | { end: 'handoff'; incident: string; inputs: Record<string, Value> }

export type Risk = 'low' | 'medium' | 'high'

export interface PlanRemedy {
  name: string
  title: string
  risk: Risk
  /** The name of one target in expressions. If it is absent, there is one target, with the key `-`. */
  for?: string
  /** The type of one target: the type of the `for` name and of the elements of `targets`. Without `for` it is `dyn`. */
  targetItem: Type
  /** The key of the target in the proposal and in the history. */
  key?: Value
  /** The lease taken while the remedy is applied to a target, such as `run/42`. */
  lock?: Value
  actions: PlanAction[]
  limits: { maxTargets: number; perHour?: number; cooldownMs?: number }
  approval:
    | { auto: true }
    | {
        auto: false
        by: string[]
        count: number
        withinMs: number
        onTimeout: 'escalate' | 'reject'
        validForMs: number
        /** How each approval must be proved. Absent: signing in is enough. */
        strength?: Strength
      }
  verify: {
    checks: PlanCheck[]
    until: Expression
    holdsMs: number
    everyMs: number
    withinMs: number
  }
}

/** `write` needs an approval; `message` (a notification) and `person` (a manual action) change nothing by themselves. */
export type ActionAccess = 'write' | 'message' | 'person'

export interface PlanAction {
  /** The action's index in `do` and its kind, such as `0-sql.update`. It is part of the effect's key. */
  id: string
  /** The action's kind, such as `sql.update`. */
  kind: string
  /**
   * The access is stored in the plan, so that a newer version of the engine cannot change it for a running incident.
   */
  access: ActionAccess
  with: Record<string, Value>
  /** The key of the only target to which the action belongs, in a plan that the engine made itself. */
  target?: string
  /** Whether the action is done once for all targets and not for each target. */
  once: boolean
  /**
   * A condition that is evaluated when the remedy is proposed. If it is false, the action is omitted for that target.
   */
  if?: Expression
  timeoutMs: number
  /** A condition on the effect's observed result (`result`). If it is false, the effect counts as refused. */
  expect?: Expression
  /** A condition that must become true after this action before the next one starts. */
  wait?: { checks: PlanCheck[]; until: Expression; everyMs: number; withinMs: number }
  batches?: { size: number; everyMs: number }
}
