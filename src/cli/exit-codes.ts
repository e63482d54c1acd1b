import { isRunbookError, type ErrorCode } from '../core/errors.ts'
import type { Outcome } from '../core/incident.ts'

/** The exit code if the gate needs more approvals, or if `watch` was stopped before the incident was closed. */
export const STILL_WAITING = 8
/**
 * The exit code if the freeze is on, but a database session that was asking for a permit could not be ended and may still get the permit.
 */
export const FREEZE_NOT_COMPLETE = 7
/** The exit code for wrong usage and bad input. */
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
  RUNBOOK_TOO_MANY_REQUESTS: 1,
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

/** The exit code for a thrown error. */
export function exitCodeOf(error: unknown): number {
  return isRunbookError(error) ? OF_ERROR[error.code] : 1
}

/** The exit code of `watch`. The outcome is null if the incident is not closed. */
export function exitCodeOfOutcome(outcome: Outcome | null): number {
  return outcome === null ? STILL_WAITING : OF_OUTCOME[outcome]
}

/** Whether this version knows an error code that the API sent. */
export function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(OF_ERROR, code)
}
