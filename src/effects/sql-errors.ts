/**
 * What a failed statement means for the effect. `refused`: the statement itself is at fault or not allowed, and will fail again.
 * `retry`: the circumstances were (lock, deadlock, resources, shutdown), and nothing was changed.
 * `lost`: the connection broke, so only the ledger can tell.
 */
export type SqlVerdict = 'refused' | 'retry' | 'lost'

/** SQLSTATE classes whose errors lie in the statement, its values or its rights. 55000: the object does not allow it. */
const AT_FAULT = ['0A', '21', '22', '23', '25', '26', '27', '28', '2B', '2F', '38', '39', '3F', '42', '44', 'P0']
/** The server ends the session with these. */
const ENDED = ['08', '57P', '25P03', '25P04']

export function sqlVerdict(error: unknown): SqlVerdict {
  const code = sqlState(error)
  if (code === undefined || ENDED.some((prefix) => code.startsWith(prefix))) return 'lost'
  return code === '55000' || AT_FAULT.includes(code.slice(0, 2)) ? 'refused' : 'retry'
}

/** The SQLSTATE of a server's answer; a socket's own code (EPIPE) is none. */
export function sqlState(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code
  return typeof code === 'string' && /^(?=.*\d)[0-9A-Z]{5}$/.test(code) ? code : undefined
}
