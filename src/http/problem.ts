import type { Context } from 'hono'
import { HTTPException } from 'hono/http-exception'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { ASK_DOCTOR } from '../core/doctor-finding.ts'
import { isRunbookError, messageOf, type ErrorCode, type RunbookError } from '../core/errors.ts'
import { isUnanswered, unreachable } from '../history/database.ts'

/** The HTTP status of each error code. Codes of internal errors have the status 500. */
const STATUS: Record<ErrorCode, ContentfulStatusCode> = {
  RUNBOOK_BAD_INPUT: 400,
  RUNBOOK_UNKNOWN_INCIDENT_TYPE: 400,
  RUNBOOK_NOT_AUTHENTICATED: 401,
  RUNBOOK_NOT_ALLOWED: 403,
  RUNBOOK_NOT_FOUND: 404,
  RUNBOOK_CONFLICT: 409,
  RUNBOOK_FROZEN: 409,
  RUNBOOK_STALE: 409,
  RUNBOOK_REFUSED: 409,
  RUNBOOK_INVALID_RUNBOOK: 422,
  RUNBOOK_TOO_MANY_REQUESTS: 429,
  RUNBOOK_UNREACHABLE: 503,
  RUNBOOK_CONFIG: 500,
  RUNBOOK_CHECK_FAILED: 500,
}

const TITLES: Partial<Record<number, string>> = {
  400: 'Bad request',
  401: 'Not authenticated',
  403: 'Not allowed',
  404: 'Not found',
  405: 'Method not allowed',
  409: 'Conflict',
  413: 'Too large',
  415: 'Not JSON',
  422: 'The runbook has problems',
  429: 'Too many requests',
  503: 'Not reachable',
}

/**
 * A problem as in RFC 9457. `detail` is the message for people, `code` is stable, and `data` holds details for
 * programs.
 */
export interface Problem {
  type: string
  title: string
  status: number
  detail: string
  code: string
  data?: Record<string, unknown>
}

/** The answer for an error. The messages of internal errors are not sent to the caller. */
export function problemOf(error: unknown): Problem {
  if (isRunbookError(error)) return fromRunbookError(error)
  if (error instanceof HTTPException) return problem(error.status, codeOf(error.status), error.message)
  if (isTemporalUnavailable(error))
    return problem(503, 'RUNBOOK_UNREACHABLE', `Temporal does not answer: ${messageOf(error)}${ASK_DOCTOR}`)
  if (isUnreachable(error)) return fromRunbookError(unreachable(error))
  return problem(500, 'RUNBOOK_INTERNAL', 'internal error: see the log of "runbook serve"')
}

/** Answers with a problem, with `www-authenticate` for 401 and `retry-after` for 503 and 429. */
export function answerProblem(c: Context, answer: Problem): Response {
  const headers: Record<string, string> = { 'content-type': 'application/problem+json' }
  if (answer.status === 401) headers['www-authenticate'] = 'Bearer realm="runbook"'
  const retryAfter = answer.status === 503 ? 2 : answer.data?.retryAfterSeconds
  if (typeof retryAfter === 'number') headers['retry-after'] = String(retryAfter)
  return c.body(JSON.stringify(answer), answer.status as ContentfulStatusCode, headers)
}

export function problem(status: number, code: string, detail: string, data?: Record<string, unknown>): Problem {
  const type = `urn:maestro-runbooks:${code.toLowerCase().replaceAll('_', '-')}`
  return { type, title: TITLES[status] ?? 'Error', status, detail, code, ...(data ? { data } : {}) }
}

function fromRunbookError(error: RunbookError): Problem {
  const data = Object.keys(error.detail).length > 0 ? error.detail : undefined
  return problem(STATUS[error.code], error.code, error.message, data)
}

function codeOf(status: number): string {
  if (status === 404) return 'RUNBOOK_NOT_FOUND'
  return status < 500 ? 'RUNBOOK_BAD_INPUT' : 'RUNBOOK_INTERNAL'
}

const NETWORK = new Set(['ECONNREFUSED', 'ECONNRESET', 'ENOTFOUND', 'ETIMEDOUT', 'EPIPE', 'EAI_AGAIN', 'EHOSTUNREACH'])

/**
 * SQLSTATEs with which the database asks callers to try again later: it is down or shutting down (08, 57P0); its disk, memory or
 * connections are used up (53); or a lock or a statement took too long (55P03, 57014).
 */
const TRY_LATER = /^(08|53|57P0|55P03|57014)/

/** Whether node-pg reports that the database is down, shutting down, out of resources or not answering. */
function isUnreachable(error: unknown): boolean {
  if (typeof error !== 'object' || error === null) return false
  if (error instanceof AggregateError && error.errors.some(isUnreachable)) return true
  const { code, cause } = error as { code?: unknown; cause?: unknown }
  if (typeof code === 'string' && (NETWORK.has(code) || TRY_LATER.test(code))) return true
  if (cause !== undefined && isUnreachable(cause)) return true
  if (isUnanswered(error)) return true
  return /^(Connection terminated|timeout exceeded when trying to connect)/.test(messageOf(error))
}

/** Whether the error, or one of its causes, is gRPC's status UNAVAILABLE. */
function isTemporalUnavailable(error: unknown): boolean {
  if (typeof error !== 'object' || error === null) return false
  const { code, cause } = error as { code?: unknown; cause?: unknown }
  return code === 14 || isTemporalUnavailable(cause)
}
