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

/**
 * The state of a gate as people see it. An undecided gate is `open` only while a decision on it is accepted. It is `overdue` when its time is
 * over, and `cancelling` when its incident was cancelled, until a worker records what follows.
 */
export const SHOWN_GATE_STATES = [...GATE_STATES, 'overdue', 'cancelling'] as const

export type ShownGateState = (typeof SHOWN_GATE_STATES)[number]

/** The state of a gate, as `resolveGate` returns it to the workflow. */
export type GateResolution =
  /**
   * `escalated` means that nobody decided in time, so that more groups may decide for another `within`. `remindInMs` is the time until half
   * of the current `within` has passed, and then 0. `remindInMs` is absent in results of versions without reminders.
   */
  | { state: 'open'; expiresInMs: number; escalated: boolean; remindInMs?: number }
  /** `cancelled` means that the incident was cancelled while the remedy was being applied. */
  | { state: 'approved'; targets: string[]; brokenBy?: { person: string; reason: string }; cancelled?: true }
  | { state: 'rejected'; nextCause: boolean; by: string }
  | { state: 'expired' | 'voided' | 'withdrawn' | 'lapsed' | 'cancelled'; why: string }
