import type { EffectResult } from '../../core/effect.ts'
import type { Finding, Outcome } from '../../core/incident.ts'
import type { Json, JsonObject } from '../../core/json.ts'
import type { Span } from '../parse/source.ts'

/** One scenario, checked against its runbook: every name exists, and every result has the declared type of its check. */
export interface Scenario {
  name: string
  at: Span
  /** Complete: defaults filled in. */
  inputs: JsonObject
  /** By the name of the check, or `<remedy>/<check>`. */
  checks: ReadonlyMap<string, Phase[]>
  /** One for each gate; further gates are approved immediately. */
  decisions: GateDecision[]
  effects: EffectRule[]
  expect: Expectation
}

/** The result of a check from some moment on. */
export interface Phase {
  from: 'opened' | 'proposed' | 'applied'
  remedy?: string
  round?: number
  afterMs: number
  result: JsonObject | { failed: string }
}

export interface GateDecision {
  decision: 'approve' | 'reject' | 'next-cause' | 'timeout' | 'cancel'
  /** If absent, all targets. */
  targets?: string[]
  afterMs: number
}

export interface EffectRule {
  action?: string
  target?: string
  round?: number
  result: EffectResult
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
  /** The first round, the second … */
  each: RoundExpectation[]
}

export interface RoundExpectation {
  causes: ({ cause: string } & Expected<Finding['holds']>)[]
  /** null: no cause is treated. */
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
