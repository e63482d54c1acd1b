import { scrubSecrets } from '../../src/config/secret.ts'
import { isRunbookError, RunbookError } from '../../src/core/errors.ts'
import type { Json } from '../../src/core/json.ts'
import { parseOutsideJson } from '../../src/core/parse-json.ts'
import { cutText } from '../../src/core/storable.ts'
import { tlsProblem } from '../../src/targets/explain-connection.ts'
import { requestHttp, requireFresh } from '../../src/targets/request-http.ts'
import type { HttpAnswer } from '../../src/targets/request-http.ts'
import { BODY_NOT_KEPT, capResult } from '../limit-result.ts'
import type { CheckImplementation } from './check.ts'
import { optionalString, requiredString } from './check-parameters.ts'

const MAX_BODY = 32 * 1024

/**
 * The part of the check's timeout that the request may use, so that a missing answer becomes a result of the check instead of a timeout.
 */
export const REQUEST_TIMEOUT_SHARE = 0.9

export const httpGet: CheckImplementation = async (parameters, { targets, signal, timeoutMs }) => {
  const started = performance.now()
  let redact: string[] = []
  try {
    const target = await targets.http(requiredString(parameters, 'connection'))
    redact = target.redact
    const path = optionalString(parameters, 'path') ?? ''
    const answer = await requestHttp(target, { path, timeoutMs: timeoutMs * REQUEST_TIMEOUT_SHARE, signal })
    requireFresh(target, answer)
    const { status, latencyMs } = answer
    const ok = status >= 200 && status < 300
    return capResult({ reachable: true, ok, status, latencyMs, ...bodyOf(answer, redact), error: null }, redact)
  } catch (error) {
    if (signal.aborted || !isRunbookError(error, 'RUNBOOK_UNREACHABLE')) throw error
    const tls = tlsProblem(error.cause, String(error.detail.why ?? error.message))
    // A TLS error shows that a server answers, but not whether the service works. So the check fails and reports
    // neither.
    if (tls) throw new RunbookError('RUNBOOK_CHECK_FAILED', `${error.message}: the service ${tls}`, {}, error)
    // The body may be incomplete although an answer with a status has begun.
    const status = typeof error.detail.status === 'number' ? error.detail.status : null
    const reachable = status !== null
    return {
      reachable,
      ok: false,
      status,
      latencyMs: Math.round(performance.now() - started),
      body: null,
      unparsed: reachable ? 1 : 0,
      truncated: reachable,
      error: error.message,
    }
  }
}

interface Body {
  body: Json
  /** 1 if the body cannot be decoded, or is not JSON although the response says that it is JSON; otherwise 0. */
  unparsed: number
  truncated: boolean
}

/** Returns the body as a JSON value, whatever the content type is, or else as text. If fields must be redacted, a text is not kept. */
function bodyOf({ text, headers, ...answer }: HttpAnswer, redact: string[]): Body {
  if (answer.unread !== undefined) return { body: null, unparsed: 1, truncated: true }
  const truncated = answer.truncated || text.length > MAX_BODY
  const hides = redact.length > 0 && text !== ''
  const saysJson = /json/i.test((headers['content-type'] ?? '').slice(0, 500))
  if (!truncated && (hides || saysJson || /^\s*[[{]/.test(text.slice(0, 100)))) {
    const body = parseOutsideJson(text)
    if (body !== undefined) return { body, unparsed: 0, truncated }
  }
  const unparsed = saysJson && text.trim() !== '' && !truncated ? 1 : 0
  if (hides) return { body: BODY_NOT_KEPT, unparsed, truncated: true }
  return { body: cutText(scrubSecrets(text), MAX_BODY), unparsed, truncated: truncated || unparsed > 0 }
}
