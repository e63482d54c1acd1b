import { isRunbookError } from '../core/errors.ts'

/**
 * The error codes of the operating system and the resolver for an address where nothing answers, and for a connection
 * that broke.
 */
const NETWORK_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENETDOWN',
  'ENOENT', // the file of a socket
  'ENOTFOUND',
  'EAI_AGAIN',
])

/**
 * SQLSTATEs of a server that is starting, stopping, a standby after a failover, or without a free connection. 57P01 to 57P03: the server
 * stops, crashed, or does not accept connections yet. 08…: the connection failed, except 08P01, which is a mistake in the protocol.
 */
const POSTGRES_STATES = /^(57P0[1-3]|08(?!P01)...|53300|25006)$/
/** Messages of the PostgreSQL driver's own errors, which have no code. */
const POSTGRES_MESSAGES =
  /^(Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error|server closed the connection)/i

/**
 * Replies of a Redis server that is loading its data, is a replica after a failover, or has no primary; and messages of the driver when it
 * has no connection.
 */
const REDIS_MESSAGES =
  /^(LOADING|READONLY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|ERR max number of clients|Connection is closed|Stream isn't writeable|connect ETIMEDOUT)/i

/**
 * Whether an error or one of its causes says that the system cannot be reached now, but may be reachable again without any change. The
 * engine then waits for it. False for a system that answers and refuses (a wrong password, a missing right, an untrusted certificate), for
 * a system that is only slow, and if this process has no free connection (`isBusy`).
 */
export function isDown(error: unknown): boolean {
  for (let cause = error, depth = 0; cause instanceof Error && depth < MAX_CAUSES; cause = cause.cause, depth += 1) {
    if (isRunbookError(cause, 'RUNBOOK_CONFIG') || (isRunbookError(cause) && cause.detail.busy === true)) return false
    if (isRunbookError(cause, 'RUNBOOK_UNREACHABLE') && cause.detail.down === true) return true
    if (saysDown(cause)) return true
  }
  return false
}

/**
 * The connection that an error names as down. Unlike `isDown`, this can be used for errors that may come from the
 * engine's own database, because it accepts only errors of a target's client.
 */
export function downConnection(error: unknown): string | undefined {
  for (let cause = error, depth = 0; cause instanceof Error && depth < MAX_CAUSES; cause = cause.cause, depth += 1)
    if (isRunbookError(cause, 'RUNBOOK_UNREACHABLE') && cause.detail.down === true && cause.detail.busy !== true)
      return typeof cause.detail.connection === 'string' ? cause.detail.connection : undefined
  return undefined
}

const MAX_CAUSES = 10

function saysDown(error: Error): boolean {
  if (isRunbookError(error)) return false
  // If a name has several addresses, the error contains one error for each address.
  if (error instanceof AggregateError && error.errors.length > 0)
    return error.errors.every((one) => one instanceof Error && saysDown(one))
  const { code } = error as { code?: unknown }
  if (typeof code === 'string' && (NETWORK_CODES.has(code) || POSTGRES_STATES.test(code))) return true
  return (code === undefined && POSTGRES_MESSAGES.test(error.message)) || REDIS_MESSAGES.test(error.message)
}
