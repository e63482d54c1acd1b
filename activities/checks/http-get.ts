import { scrubSecrets } from '../../src/config/secret.ts'
import { isRunbookError, RunbookError } from '../../src/core/errors.ts'
import type { Json } from '../../src/core/json.ts'
import { cutText } from '../../src/core/storable.ts'
import { tlsProblem } from '../../src/targets/explain-connection.ts'
import { requestHttp } from '../../src/targets/request-http.ts'
import type { HttpAnswer } from '../../src/targets/request-http.ts'
import { BODY_NOT_KEPT, capResult } from '../limit-result.ts'
import type { CheckImplementation } from './check.ts'
import { optionalString, requiredString } from './check-parameters.ts'

const MAX_BODY = 32 * 1024

/** The request's share of the check's timeout: no answer in time is a result, not a timeout of the check. */
export const REQUEST_TIMEOUT_SHARE = 0.9

export const httpGet: CheckImplementation = async (parameters, { targets, signal, timeoutMs }) => {
  const started = performance.now()
  let redact: string[] = []
  try {
    const target = await targets.http(requiredString(parameters, 'connection'))
    redact = target.redact
    const path = optionalString(parameters, 'path') ?? ''
    const answer = await requestHttp(target, { path, timeoutMs: timeoutMs * REQUEST_TIMEOUT_SHARE, signal })
    const { status, latencyMs } = answer
    const ok = status >= 200 && status < 300
    return capResult({ reachable: true, ok, status, latencyMs, ...bodyOf(answer, redact), error: null }, redact)
  } catch (error) {
    if (signal.aborted || !isRunbookError(error, 'RUNBOOK_UNREACHABLE')) throw error
    const tls = tlsProblem(error.cause, String(error.detail.why ?? error.message))
    // A server answers, but this does not show whether the service works.
    if (tls) throw new RunbookError('RUNBOOK_CHECK_FAILED', `${error.message}: the service ${tls}`, {}, error)
    const latencyMs = Math.round(performance.now() - started)
    return { reachable: false, ok: false, status: null, latencyMs, body: null, truncated: false, error: error.message }
  }
}

/** If fields must be redacted, the body is parsed as JSON whatever its content type is. */
function bodyOf({ text, headers, ...answer }: HttpAnswer, redact: string[]): { body: Json; truncated: boolean } {
  const truncated = answer.truncated || text.length > MAX_BODY
  const hides = redact.length > 0 && text !== ''
  if (!truncated && (hides || /json/i.test(headers['content-type'] ?? '')))
    try {
      return { body: JSON.parse(text) as Json, truncated }
    } catch {
      // Not JSON: the text itself is the result.
    }
  return hides ? { body: BODY_NOT_KEPT, truncated: true } : { body: cutText(scrubSecrets(text), MAX_BODY), truncated }
}
