import type { ProposedAction } from '../core/proposal.ts'
import type { Deciders } from './deciders.ts'
import type { Keyring } from './keyring.ts'

export interface PermitRequest {
  gate: string
  /** The key of a target; `-` for an action that is done once. */
  target: string
  /**
   * The digest of the proposal that the executor is about to apply. It is compared with the stored proposal, which the
   * signatures cover.
   */
  proposalDigest: string
  action: ProposedAction
  /** When the cause's checks last ran, as the history records it (ISO 8601, microseconds). */
  recheckedAt: string
  leaseMs: number
}

export type PermitRefusal =
  'stale' | 'cancelled' | 'frozen' | 'breaker' | 'limit' | 'cooldown' | 'busy' | 'not-approved' | 'withdrawn' | 'lapsed'

export type PermitAnswer = { granted: true; fence: number; lease: string } | PermitRefused

/** `retryAfterMs` is present while others hold the lease: how long to wait before asking again. */
export interface PermitRefused {
  granted: false
  reason: PermitRefusal
  message: string
  retryAfterMs?: number
}

export type TakePermit = (request: PermitRequest) => Promise<PermitAnswer>

/** The rules for a permit, with the keys and people of the current configuration instead of those at the time of the decision. */
export interface PermitRules extends Deciders {
  keyring: Keyring
  /** Whether the configuration allows this action to be applied without an approval. */
  isAutoApproved(action: ProposedAction): boolean
  requesterMayApprove: boolean
}

export function refuse(reason: PermitRefusal, message: string): PermitRefused {
  return { granted: false, reason, message }
}
