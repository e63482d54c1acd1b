/** What a run of the workflow `detect` does: samples a runbook, or the open gate of one incident. */
export type DetectRequest = ({ runbook: string } | { incident: string }) & SampleLimits

export interface SampleLimits {
  /** How long the sample may take. */
  limitMs: number
  /** Whether its checks end so soon that it can run as a local activity. */
  isShort?: boolean
}

/** One evaluation of a symptom. If the sample could not be read, it says nothing about the symptom. */
export interface Sample {
  symptom: boolean | 'unreadable'
  /** Why the sample could not be read. */
  problem?: string
  ms: number
  /** The size of the results that the checks returned. */
  rows: number
  bytes: number
}

/** The result of a run of `detect`, for Temporal's UI. */
export interface DetectAnswer {
  symptom: boolean | 'unreadable' | 'not sampled'
  /** What the engine did because of the sample, in one sentence. */
  did: string
}

export const EPISODE_STATES = ['counting', 'shadow', 'maintenance', 'opened', 'joined', 'quiet'] as const

/**
 * The outcome of an episode so far. `counting`: there are not enough samples yet. `shadow` and `maintenance`: it opened nothing, for this reason.
 * `quiet`: it was counted on an incident that closed with the symptom present.
 */
export type EpisodeState = (typeof EPISODE_STATES)[number]
