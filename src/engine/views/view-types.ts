import type { GateState } from '../../core/decision.ts'
import type { EffectResult, TargetState } from '../../core/effect.ts'
import type { Finding, IncidentState, Outcome } from '../../core/incident.ts'
import type { JsonObject } from '../../core/json.ts'
import type { Proposal } from '../../core/proposal.ts'
import type { Control } from '../../gate/controls.ts'

/** One incident in a list. Times are ISO 8601, UTC. */
export interface IncidentSummary {
  id: string
  type: string
  runbook: string
  planDigest: string
  key: string
  inputs: JsonObject
  state: IncidentState
  outcome: Outcome | null
  /** Why it ended as it did, in a sentence. */
  reason: string | null
  /** `person:<name>`, `alert:<source>`, `handoff:<incident>`. */
  requester: string
  parent: string | null
  occurrences: number
  openedAt: string
  acknowledgedAt: string | null
  acknowledgedBy: string | null
  claimedBy: string | null
  /** A person asked for its end; it ends as soon as nothing is under way. */
  cancelling: boolean
  closedAt: string | null
}

/** What `show` prints, and `GET /v1/incidents/{id}` answers. */
export interface IncidentView extends IncidentSummary {
  rounds: RoundView[]
  /** What stands against its remedies just now: the freeze, and breakers of the connections of its last proposal. */
  controls: Control[]
}

export interface RoundView {
  round: number
  checks: CheckView[]
  causes: Finding[]
  /** The name of the proposed remedy; null where none was. */
  remedy: string | null
  gate: GateView | null
  /** `why`: what kept it from being applied. */
  targets: { key: string; state: TargetState; why: string | null }[]
  effects: { action: string; target: string; result: EffectResult; detail: string; at: string }[]
  /** null: not verified yet, or nothing was applied. */
  verified: boolean | null
}

export interface CheckView {
  name: string
  kind: string
  status: 'ok' | 'failed' | 'timeout'
  rows: number | null
  truncated: boolean
  error: string | null
  durationMs: number
  /** Digest of the evidence: `GET /v1/incidents/{id}/evidence/{ref}`. */
  ref: string
}

export interface GateView {
  id: string
  proposalDigest: string
  state: GateState
  openedAt: string
  expiresAt: string
  required: number
  groups: string[]
  auto: boolean
  why: string | null
  decisions: DecisionView[]
  proposal: Proposal
}

export interface DecisionView {
  person: string
  decision: 'approve' | 'reject'
  targets: string[] | null
  comment: string | null
  nextCause: boolean
  /** Why this person approved alone; null where the quorum was needed. */
  breakGlass: string | null
  at: string
  withdrawn: boolean
}

/** One line of the timeline. */
export interface TimelineEntry {
  seq: number
  at: string
  actor: string
  kind: string
  place: string | null
  /** One sentence. */
  text: string
  data: JsonObject
}

/** Everything about an incident, from the engine's database alone. */
export interface Review {
  incident: IncidentView
  timeline: TimelineEntry[]
  evidence: EvidenceView[]
  notes: { person: string; at: string; body: string }[]
  /** Milliseconds; null where it never happened. */
  timeToAcknowledgeMs: number | null
  timeToResolveMs: number | null
  /** The chain of events as it was found: empty when intact. */
  chainFaults: string[]
}

export interface EvidenceView {
  place: string
  name: string
  kind: string
  status: 'ok' | 'failed' | 'timeout'
  ref: string
  parameters: JsonObject
  /** `{result: …}`, or `{error: …}`. */
  body: JsonObject
  truncated: boolean
  at: string
  durationMs: number
}
