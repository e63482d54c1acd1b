import type { ProposedAction } from '../core/proposal.ts'
import type { Deciders } from './deciders.ts'
import type { Keyring } from './keyring.ts'

export interface PermitRequest {
  gate: string
  /** A target's key; `-` for an action that is done once. */
  target: string
  /** What the executor holds and is about to run: compared with the proposal that the signatures cover. */
  proposalDigest: string
  action: ProposedAction
  /** When the cause's checks last ran, as recorded (ISO 8601, microseconds). */
  recheckedAt: string
  leaseMs: number
}

export type PermitRefusal =
  'stale' | 'cancelled' | 'frozen' | 'breaker' | 'limit' | 'cooldown' | 'busy' | 'not-approved' | 'withdrawn' | 'lapsed'

export type PermitAnswer = { granted: true; fence: number; lease: string } | PermitRefused

/** `retryAfterMs`: when to ask again while others have the lease. */
export interface PermitRefused {
  granted: false
  reason: PermitRefusal
  message: string
  retryAfterMs?: number
}

export type TakePermit = (request: PermitRequest) => Promise<PermitAnswer>

/** The rules for a permit: keys and people of the configuration as they are now, not as they were at the decision. */
export interface PermitRules extends Deciders {
  keyring: Keyring
  /** Whether the configuration allows this action to be applied without an approval. */
  isAutoApproved(action: ProposedAction): boolean
  requesterMayApprove: boolean
}

export function refuse(reason: PermitRefusal, message: string): PermitRefused {
  return { granted: false, reason, message }
}
