import { isRunbookError, type ErrorCode } from '../core/errors.ts'
import type { Outcome } from '../core/incident.ts'

/** Still waiting for somebody: the gate is below its quorum, or who watched stopped watching. */
export const STILL_WAITING = 8
/** Wrong usage, or bad input. */
export const USAGE = 2

const OF_ERROR: Record<ErrorCode, number> = {
  RUNBOOK_BAD_INPUT: USAGE,
  RUNBOOK_CONFIG: USAGE,
  RUNBOOK_UNKNOWN_INCIDENT_TYPE: USAGE,
  RUNBOOK_NOT_FOUND: USAGE,
  RUNBOOK_NOT_AUTHENTICATED: 4,
  RUNBOOK_NOT_ALLOWED: 4,
  RUNBOOK_INVALID_RUNBOOK: 1,
  RUNBOOK_CONFLICT: 1,
  RUNBOOK_UNREACHABLE: 1,
  RUNBOOK_CHECK_FAILED: 1,
  RUNBOOK_FROZEN: 1,
  RUNBOOK_STALE: 1,
  RUNBOOK_REFUSED: 1,
}

const OF_OUTCOME: Record<Outcome, number> = {
  resolved: 0,
  cleared: 0,
  'no-action': 0,
  'handed-off': 0,
  cancelled: 3,
  failed: 5,
  escalated: 5,
  declined: 6,
  expired: 6,
}

/** The exit code for whatever was thrown. */
export function exitCodeOf(error: unknown): number {
  return isRunbookError(error) ? OF_ERROR[error.code] : 1
}

/** The exit code when an incident's end was watched; null: it has not ended. */
export function exitCodeOfOutcome(outcome: Outcome | null): number {
  return outcome === null ? STILL_WAITING : OF_OUTCOME[outcome]
}

/** Whether a code that came over the wire is one that this version knows. */
export function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(OF_ERROR, code)
}
