import { resolveSecret } from '../../config/secret.ts'
import { isRunbookError, RunbookError } from '../../core/errors.ts'
import { openHttp } from '../../targets/open-http.ts'
import { requestHttp } from '../../targets/request-http.ts'
import type { SignedCheckpoint } from './checkpoint.ts'

const TIMEOUT_MS = 10_000
const TOLD_CHARACTERS = 200
const LOOPBACK = ['127.0.0.1', 'localhost']

/**
 * Where a checkpoint can be sent: `https://`, or `http://` on this machine. Undefined for what is no address but a file. Throws
 * `RUNBOOK_BAD_INPUT`.
 */
export function receiverOf(to: string): URL | undefined {
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(to)) return undefined
  const url = URL.canParse(to) ? new URL(to) : undefined
  if (url?.protocol === 'https:' || (url?.protocol === 'http:' && LOOPBACK.includes(url.hostname))) return url
  throw new RunbookError(
    'RUNBOOK_BAD_INPUT',
    '--to: a checkpoint is sent to an https:// address, or to http://127.0.0.1 and http://localhost',
  )
}

/**
 * Posts a checkpoint as it would stand in a file. Of the address only the origin is told: a webhook's path is its password. Throws
 * `RUNBOOK_UNREACHABLE` unless the answer says that it was taken; a redirect does not.
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
    new RunbookError('RUNBOOK_UNREACHABLE', `the checkpoint was not taken by ${receiver.origin}: ${why}`, {}, cause)
  const answer = await requestHttp(target, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(signed),
    timeoutMs: TIMEOUT_MS,
  }).catch((error: unknown) => {
    throw isRunbookError(error, 'RUNBOOK_UNREACHABLE') ? failed(String(error.detail.why), error) : error
  })
  if (answer.status >= 200 && answer.status <= 299) return
  const said = answer.text.trim().slice(0, TOLD_CHARACTERS)
  throw failed(`it answered ${answer.status}${said === '' ? '' : ` (${said})`}`)
}
