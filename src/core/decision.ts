export const GATE_STATES = [
  'open',
  'approved',
  'rejected',
  'expired',
  'voided',
  'withdrawn',
  'lapsed',
  'cancelled',
] as const

export type GateState = (typeof GATE_STATES)[number]

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
