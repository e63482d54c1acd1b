import { messageOf } from '../core/errors.ts'

/**
 * What a failed statement means for the effect. `refused`: the statement is invalid or not allowed, and would fail again. `retry`: a lock,
 * a deadlock, missing resources or a shutdown stopped it, and nothing was changed. `lost`: the connection broke, so only the ledger shows
 * whether the effect was applied.
 */
export type SqlVerdict = 'refused' | 'retry' | 'lost'

/** SQLSTATE classes of errors in the statement, its values, its size or its rights. (55000: the object is not in the required state.) */
const REFUSED_CLASSES = [
  '0A',
  '21',
  '22',
  '23',
  '25',
  '26',
  '27',
  '28',
  '2B',
  '2F',
  '38',
  '39',
  '3F',
  '42',
  '44',
  '54',
  'P0',
]
/** SQLSTATE prefixes with which the server ends the session. */
const SESSION_ENDED = ['08', '57P', '25P03', '25P04']

export function sqlVerdict(error: unknown): SqlVerdict {
  const code = sqlState(error)
  if (code === undefined || SESSION_ENDED.some((prefix) => code.startsWith(prefix))) return 'lost'
  return code === '55000' || REFUSED_CLASSES.includes(code.slice(0, 2)) ? 'refused' : 'retry'
}

/**
 * The text of an error for messages: what the server said, the place in a trigger's function where it happened, and the
 * SQLSTATE.
 */
export function sqlReason(error: unknown): string {
  const { where } = error as { where?: unknown }
  const inside = typeof where === 'string' ? /(PL\/\S+ function \S+|SQL function "[^"]+")/.exec(where)?.[1] : undefined
  return `${messageOf(error)}${inside ? ` in ${inside}` : ''} (SQLSTATE ${sqlState(error)})`
}

/** The SQLSTATE of a server's error; undefined for other errors, including errors of the socket such as EPIPE. */
export function sqlState(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code
  return typeof code === 'string' && /^(?=.*\d)[0-9A-Z]{5}$/.test(code) ? code : undefined
}
