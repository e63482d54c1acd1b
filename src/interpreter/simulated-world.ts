import type { EffectResult } from '../core/effect.ts'
import type { JsonObject } from '../core/json.ts'
import type { ProposalDraft } from './host.ts'

/** The simulated surroundings of an incident. All times are milliseconds since it was opened. */
export interface World {
  /** A check's result, or why it failed. */
  check(name: string, sample: Sample): JsonObject | { failed: string }
  /** The time of the next change that nothing triggers; Infinity: never. Polling skips samples that cannot differ. */
  nextChange?(situation: Situation): number
  /** The decision on a gate, called when it opens. Default: all targets are approved at once. */
  decide?(draft: ProposalDraft, situation: Situation): Decision
  /** The result of an action; `waiting`: a person has not done it yet; `stale`: the re-check is too old; `withdrawn`: the approval was withdrawn. Default: applied, without an observed result. */
  effect?(
    action: ProposalDraft['actions'][number],
    round: number,
  ): EffectResult | 'waiting' | 'stale' | 'withdrawn' | SimulatedEffect
}

export interface SimulatedEffect {
  result: EffectResult
  observed?: JsonObject
}

/** How far the incident is. */
export interface Situation {
  now: number
  round: number
  /** `remedy/target` of each effect that was applied. */
  applied: readonly string[]
  proposals: readonly ProposalTimes[]
  /** When the diagnosis of each round began; 0 for the first round. */
  roundStarts: readonly number[]
}

/** One run of a check. */
export interface Sample extends Situation {
  place: string
  parameters: JsonObject
}

/** One proposal, and when its remedy was applied. */
export interface ProposalTimes {
  round: number
  remedy: string
  proposedAt: number
  /** When its first effect was applied. */
  appliedAt?: number
}

export type Decision =
  | { approve: 'all' | string[]; afterMs?: number }
  | { reject: true; nextCause?: boolean; afterMs?: number }
  /** Nobody decides. */
  | { silent: true }
  | { cancel: true; afterMs?: number }
