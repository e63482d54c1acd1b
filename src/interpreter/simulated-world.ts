import type { EffectResult } from '../core/effect.ts'
import type { JsonObject } from '../core/json.ts'
import type { ProposalDraft } from './host.ts'

/** The simulated surroundings of an incident. All times are milliseconds since it was opened. */
export interface World {
  /** The result of a check, or why the check failed. */
  check(name: string, sample: Sample): JsonObject | { failed: string }
  /**
   * The time of the next change that happens by itself; Infinity if there is none. Polling skips samples that cannot
   * differ.
   */
  nextChange?(situation: Situation): number
  /** The decision on a gate, called when it opens. Default: all targets are approved at once. */
  decide?(draft: ProposalDraft, situation: Situation): Decision
  /**
   * The result of an action. `waiting` means that a person has not done it yet, `stale` that the re-check is too old,
   * `withdrawn` that the approval was withdrawn. Default: applied, without an observed result.
   */
  effect?(
    action: ProposalDraft['actions'][number],
    round: number,
  ): EffectResult | 'waiting' | 'stale' | 'withdrawn' | SimulatedEffect
}

export interface SimulatedEffect {
  result: EffectResult
  observed?: JsonObject
}

/** The state of the incident at the moment at which the simulated world is asked. */
export interface Situation {
  now: number
  round: number
  /** `remedy/target` of each effect that was applied. */
  applied: readonly string[]
  proposals: readonly ProposalTimes[]
  /** The times at which the diagnosis of each round began; 0 for the first round. */
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
  /** When a re-check of this proposal was too old for the first time; absent before it. */
  staleAt?: number
  /** The time of the first effect of this proposal; absent before it. */
  appliedAt?: number
  /** When the wait after an action began, by the action's id. */
  waitingAt: Record<string, number>
  /** When the verification began; absent before it. */
  verifyingAt?: number
}

export type Decision =
  | { approve: 'all' | string[]; afterMs?: number }
  | { reject: true; nextCause?: boolean; afterMs?: number }
  /** The decision of a gate on which nobody decides. */
  | { silent: true }
  /** The decision of a gate whose proposal is approved, and whose approval ends before anything is applied. */
  | { over: 'withdrawn' | 'lapsed'; afterMs?: number }
  | { cancel: true; afterMs?: number }
