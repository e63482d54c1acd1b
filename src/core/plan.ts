import type { Json } from './json.ts'

/** The form of the plan below. The workflow host refuses a plan of another version. */
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
  /** Absent: every incident counts as existing. */
  symptom?: Expression
  detect?: { everyMs: number; for: number; againMs: number }
  /** In an order in which each comes after all it needs. */
  checks: PlanCheck[]
  /** Most fundamental first. */
  causes: PlanCause[]
  otherwise: Ending
  remedies: Record<string, PlanRemedy>
  rounds: { ineffective: number; total: number }
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
  /** A pattern for strings, anchored on both ends; linear-time. */
  pattern?: string
}

/**
 * What an expression's value, a check's result or a declared column is. `int` travels as a JSON number and becomes a CEL int;
 * `duration` travels as text (`1h`).
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
  /** Names of the checks that it reads, directly or through `affects`. If one failed, the value is undetermined. */
  checks: string[]
  /** Checks whose truncated rows, were there more, could only turn the value from false to true (a list: only grow). */
  grows: string[]
  /** Checks whose truncated rows, were there more, could turn the value from true to false (a list: shrink), or change it. */
  shrinks: string[]
}

/** A template: a literal, one expression that keeps its type, text with expressions inside, or a structure of these. */
export type Value =
  | { lit: Json }
  | { expr: Expression }
  | { text: (string | Expression)[] }
  | { list: Value[] }
  | { map: Record<string, Value> }

export interface PlanCheck {
  name: string
  /** Such as `sql.query`. */
  kind: string
  with: Record<string, Value>
  /** Checks that must have been run before (references in `with`). */
  needs: string[]
  timeoutMs: number
  /** Further tries after a failure, within the same check. */
  retries: number
  /** The result's type, for evaluating expressions over it. */
  result: Type
}

export interface PlanCause {
  name: string
  title: string
  when?: Expression
  affects?: Expression
  /** The type of one affected thing; there where `affects` is. */
  affectsItem?: Type
  because: Value
  /** Checks that may be undetermined without holding this cause's remedy back. */
  despite: string[]
  then: Ending | { remedy: string }
}

/** What follows when nothing is to be applied. */
export type Ending =
  { end: 'escalate' } | { end: 'no-action' } | { end: 'handoff'; incident: string; inputs: Record<string, Value> }

export type Risk = 'low' | 'medium' | 'high'

export interface PlanRemedy {
  name: string
  title: string
  risk: Risk
  /** The name by which expressions know one target; absent: one target, with key `-`. */
  for?: string
  /** The type of one target: what the `for` name and the elements of `targets` are. `dyn` without `for`. */
  targetItem: Type
  /** The target's key in proposal and history. */
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
      }
  verify: {
    checks: PlanCheck[]
    until: Expression
    holdsMs: number
    everyMs: number
    withinMs: number
  }
}

/** `write` needs an approval; `message` and `person` change nothing by themselves. */
export type ActionAccess = 'write' | 'message' | 'person'

export interface PlanAction {
  /** Its place in `do`, and its part of the effect's key: `0-sql.update`. */
  id: string
  /** Such as `sql.update`. */
  kind: string
  /** What it does to the outside: the plan says it, so that a later version of the engine cannot change it under a running incident. */
  access: ActionAccess
  with: Record<string, Value>
  /** Once for the remedy, not for each target. */
  once: boolean
  /** Evaluated when proposed; false: the action is left out for that target. */
  if?: Expression
  timeoutMs: number
  /** A condition on the effect's observed result (`result`); false: the effect counts as refused. */
  expect?: Expression
  /** Polled after the action, before the next one. */
  wait?: { checks: PlanCheck[]; until: Expression; everyMs: number; withinMs: number }
  batches?: { size: number; everyMs: number }
}
