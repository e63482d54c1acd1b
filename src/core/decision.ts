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

/** The state of a gate, as `resolveGate` returns it to the workflow. */
export type GateResolution =
  /**
   * `escalated`: nobody decided in time, so the gate is open for more groups for another `within`. `remindInMs`: the time until half of
   * the current `within` is over, then 0; absent in results of versions without reminders.
   */
  | { state: 'open'; expiresInMs: number; escalated: boolean; remindInMs?: number }
  /** `cancelled`: the incident was cancelled while the remedy is being applied. */
  | { state: 'approved'; targets: string[]; brokenBy?: { person: string; reason: string }; cancelled?: true }
  | { state: 'rejected'; nextCause: boolean; by: string }
  | { state: 'expired' | 'voided' | 'withdrawn' | 'lapsed' | 'cancelled'; why: string }
