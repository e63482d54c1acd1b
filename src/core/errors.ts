/**
 * An error that a caller reacts to. `code` is stable (`RUNBOOK_…`); `message` says what happened, where, and what to do
 * next. The codes are mapped to exit codes (src/cli), HTTP statuses (src/http) and Temporal failures (activities), each
 * in one place.
 */
export class RunbookError extends Error {
  override readonly name = 'RunbookError'
  readonly code: ErrorCode
  /** Details for programs. They are shown to people, so they never contain a secret. */
  readonly detail: Record<string, unknown>

  constructor(code: ErrorCode, message: string, detail: Record<string, unknown> = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
    this.detail = detail
  }
}

export type ErrorCode =
  | 'RUNBOOK_BAD_INPUT' // a value from the caller is missing or invalid: exit 2, HTTP 400
  | 'RUNBOOK_CONFIG' // the configuration file or an environment reference: exit 2
  | 'RUNBOOK_INVALID_RUNBOOK' // problems found by the compiler: exit 1, HTTP 422
  | 'RUNBOOK_UNKNOWN_INCIDENT_TYPE' // no runbook for this incident type: exit 2, HTTP 400; detail.known
  | 'RUNBOOK_NOT_FOUND' // no such incident, gate, evidence: exit 2, HTTP 404
  | 'RUNBOOK_CONFLICT' // the state does not allow it (closed, already decided, digest differs): exit 1, HTTP 409
  | 'RUNBOOK_TOO_MANY_REQUESTS' // a limit on requests: exit 1, HTTP 429; detail.retryAfterSeconds where waiting helps
  | 'RUNBOOK_NOT_AUTHENTICATED' // the caller has no valid token: exit 4, HTTP 401
  | 'RUNBOOK_NOT_ALLOWED' // the person may not do this: exit 4, HTTP 403
  | 'RUNBOOK_UNREACHABLE' // a database, Redis, Temporal, the API does not answer: exit 1, HTTP 503
  | 'RUNBOOK_CHECK_FAILED' // a check could not run; stored as evidence, does not end the incident
  | 'RUNBOOK_FROZEN' // permit refused: freeze is on
  | 'RUNBOOK_STALE' // the re-check is older than allowed
  | 'RUNBOOK_REFUSED' // permit, fence or guard refused the effect

export function isRunbookError(error: unknown, code?: ErrorCode): error is RunbookError {
  return error instanceof RunbookError && (code === undefined || error.code === code)
}

/** The message of any thrown value. */
export function messageOf(error: unknown): string {
  if (error instanceof AggregateError && !error.message && error.errors.length > 0) return messageOf(error.errors[0])
  return error instanceof Error ? error.message || error.name : String(error)
}
