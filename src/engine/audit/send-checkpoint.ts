import { resolveSecret } from '../../config/secret.ts'
import { isRunbookError, RunbookError } from '../../core/errors.ts'
import { openHttp } from '../../targets/open-http.ts'
import { requestHttp } from '../../targets/request-http.ts'
import type { SignedCheckpoint } from './checkpoint.ts'

const TIMEOUT_MS = 10_000
const MAX_ANSWER_LENGTH = 200
const LOOPBACK = ['127.0.0.1', 'localhost']

/**
 * Returns the address to which a checkpoint is sent: `https://`, or `http://` on this machine. Undefined if `to` is a file. Throws
 * `RUNBOOK_BAD_INPUT`.
 */
export function receiverOf(to: string): URL | undefined {
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(to)) return undefined
  const url = URL.canParse(to) ? new URL(to) : undefined
  if (url?.protocol === 'https:' || (url?.protocol === 'http:' && LOOPBACK.includes(url.hostname))) return url
  throw new RunbookError(
    'RUNBOOK_BAD_INPUT',
    '--to: must be a file, an https:// address, or http:// on 127.0.0.1 or localhost',
  )
}

/**
 * Posts a checkpoint as the same JSON that a file would hold. Errors name only the origin of the address, because the path of a webhook is
 * a secret. Throws `RUNBOOK_UNREACHABLE` unless the answer is 2xx; redirects are not followed.
 */
export async function sendCheckpoint(receiver: URL, signed: SignedCheckpoint): Promise<void> {
  const name = 'of the checkpoint'
  const target = await openHttp(name, {
    kind: 'http',
    url: resolveSecret(receiver.href, name, {}),
    headers: {},
    redact: [],
  })
  const failed = (why: string, cause?: unknown) =>
    new RunbookError('RUNBOOK_UNREACHABLE', `${receiver.origin} did not accept the checkpoint: ${why}`, {}, cause)
  const answer = await requestHttp(target, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(signed),
    timeoutMs: TIMEOUT_MS,
  }).catch((error: unknown) => {
    throw isRunbookError(error, 'RUNBOOK_UNREACHABLE') ? failed(String(error.detail.why), error) : error
  })
  if (answer.status >= 200 && answer.status <= 299) return
  const body = answer.text.trim().slice(0, MAX_ANSWER_LENGTH)
  throw failed(`it answered ${answer.status}${body === '' ? '' : ` (${body})`}`)
}
