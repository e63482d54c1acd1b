import type { ErrorCode } from './error-codes.ts'

export type { ErrorCode } from './error-codes.ts'

/**
 * An error to which a caller reacts. `code` is stable (`RUNBOOK_…`); `message` says what happened, where, and what to do next. The codes
 * are mapped to exit codes (src/cli), HTTP statuses (src/http) and Temporal failures (activities), each in one place.
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

export function isRunbookError(error: unknown, code?: ErrorCode): error is RunbookError {
  return error instanceof RunbookError && (code === undefined || error.code === code)
}

/** The message of any thrown value. */
export function messageOf(error: unknown): string {
  if (error instanceof AggregateError && !error.message && error.errors.length > 0) return messageOf(error.errors[0])
  return error instanceof Error ? error.message || error.name : String(error)
}
