import type { Secret } from '../config/secret.ts'
import { defined } from '../core/defined.ts'
import { RunbookError } from '../core/errors.ts'
import { openHttp } from '../targets/open-http.ts'
import { requestHttp, type HttpAnswer } from '../targets/request-http.ts'

const TIMEOUT_MS = 5_000
const MAX_RETRY_AFTER_MS = 60 * 60_000
/** HTTP statuses after which the same request may succeed later: request timeout, too early, too many requests. */
const MAY_SUCCEED_LATER = [408, 425, 429]

export interface Post {
  path?: string
  headers?: Record<string, string>
  body: string
}

/**
 * Posts JSON to a channel. Throws `RUNBOOK_UNREACHABLE` when the channel does not accept it: `detail.retryAfterMs` is how
 * long the channel asks to wait, and `detail.refused` is true where the same message would be refused again.
 */
export async function postJson(name: string, url: Secret, { path, headers, body }: Post): Promise<HttpAnswer> {
  const target = await openHttp(`channel ${name}`, { kind: 'http', url, headers: {}, redact: [] })
  const answer = await requestHttp(target, {
    method: 'POST',
    headers: { 'content-type': 'application/json; charset=utf-8', ...headers },
    body,
    timeoutMs: TIMEOUT_MS,
    ...defined({ path }),
  })
  if (answer.status >= 200 && answer.status <= 299) return answer
  throw notAccepted(name, `answered ${answer.status}`, {
    refused: answer.status >= 400 && answer.status < 500 && !MAY_SUCCEED_LATER.includes(answer.status),
    retryAfterMs: waitOf(answer.headers['retry-after']),
  })
}

/** The error for a message that the channel did not accept. */
export function notAccepted(
  name: string,
  why: string,
  { refused, retryAfterMs }: { refused: boolean; retryAfterMs?: number | undefined },
): RunbookError {
  return new RunbookError('RUNBOOK_UNREACHABLE', `channel ${name} ${why}`, { refused, ...defined({ retryAfterMs }) })
}

/** How long a `Retry-After` header asks to wait, in milliseconds. The header holds seconds or a date. */
function waitOf(header: string | undefined): number | undefined {
  if (header === undefined) return undefined
  const ms = /^\d{1,9}$/.test(header.trim()) ? Number(header) * 1000 : Date.parse(header) - Date.now()
  return Number.isNaN(ms) ? undefined : Math.min(MAX_RETRY_AFTER_MS, Math.max(0, ms))
}
