/** What a person said about one proposal. The signed token (EdDSA JWS) holds exactly these claims. */
export interface DecisionClaims {
  gate: string
  proposalDigest: string
  decision: 'approve' | 'reject'
  /** Keys of the approved targets; absent: all. */
  targets?: string[]
  /** With reject: look at the next cause that holds instead of ending. */
  nextCause?: boolean
  /** The person's name in the configuration, or at the identity provider. */
  person: string
  /** Of a person who is not in the configuration: what the identity provider said. Signed by the engine's key only. */
  groups?: string[]
  comment?: string
  /** With approve: why this person, who has that permission, decides alone. */
  breakGlass?: string
  /** Seconds since the epoch. */
  iat: number
  /** Single use. */
  jti: string
}

export type GateState = 'open' | 'approved' | 'rejected' | 'expired' | 'voided' | 'withdrawn' | 'lapsed' | 'cancelled'

/** What the workflow learns when it settles a gate. */
export type GateResolution =
  /**
   * `escalated`: unanswered once, and open for a wider circle for another `within`. `remindInMs`: until half of the present `within`
   * is over, 0 from then on; absent in settlements of before there were reminders.
   */
  | { state: 'open'; expiresInMs: number; escalated: boolean; remindInMs?: number }
  /** `cancelled`: it is being applied, and the incident was cancelled meanwhile. */
  | { state: 'approved'; targets: string[]; brokenBy?: { person: string; reason: string }; cancelled?: true }
  | { state: 'rejected'; nextCause: boolean; by: string }
  | { state: 'expired' | 'voided' | 'withdrawn' | 'lapsed' | 'cancelled'; why: string }
