import type { EffectResult } from '../../core/effect.ts'
import type { Finding, Outcome } from '../../core/incident.ts'
import type { Json, JsonObject } from '../../core/json.ts'
import type { Span } from '../parse/source.ts'

/** One scenario that was checked against its runbook: every name exists, and every result has the declared type of its check. */
export interface Scenario {
  name: string
  at: Span
  /** All inputs, including the defaults. */
  inputs: JsonObject
  /** The results of each check, by its name or by `<remedy>/<check>`. */
  checks: ReadonlyMap<string, Phase[]>
  /** The decisions, one for each gate. Further gates are approved immediately. */
  decisions: GateDecision[]
  effects: EffectRule[]
  expect: Expectation
}

/** The result of a check from some moment on. */
export interface Phase {
  from: 'opened' | 'proposed' | 'stale' | 'applied' | 'waiting' | 'verifying'
  /** With `waiting`: the kind or the id of the action to which the wait belongs. */
  action?: string
  remedy?: string
  round?: number
  afterMs: number
  result: JsonObject | { failed: string }
}

export interface GateDecision {
  decision: 'approve' | 'reject' | 'next-cause' | 'timeout' | 'cancel' | 'withdraw' | 'lapse'
  /** The keys of the approved targets; absent if all targets are approved. */
  targets?: string[]
  afterMs: number
}

export interface EffectRule {
  /** The kind or the id of an action. */
  action?: string
  target?: string
  round?: number
  /** The result. `timeout`: nobody reports a manual step as done in time. */
  result: EffectResult | 'timeout'
  /** How often the re-check is too old before the action is applied to a target. */
  stale?: number
  observed?: JsonObject
}

/** An expected value, and its place in the file. */
export interface Expected<T> {
  value: T
  at: Span
}

export interface Expectation {
  outcome: Expected<Outcome>
  reason?: Expected<string>
  message?: Expected<string>
  rounds?: Expected<number>
  /** The expectations of the first round, the second round, and so on. */
  each: RoundExpectation[]
}

export interface RoundExpectation {
  causes: ({ cause: string } & Expected<Finding['holds']>)[]
  /** The name of the cause that is treated; null if none is. */
  cause?: Expected<string | null>
  because?: Expected<string>
  proposal?: Expected<ProposalExpectation | null>
  effects?: Expected<Record<string, EffectResult>>
  verified?: Expected<boolean>
}

export interface ProposalExpectation {
  remedy: Expected<string>
  targets?: Expected<string[]>
  affected?: Expected<number>
  actions: { at: Span; action: string; target?: string; with: Record<string, Json> }[]
}
