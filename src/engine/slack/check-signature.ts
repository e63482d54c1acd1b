import { createHmac, timingSafeEqual } from 'node:crypto'
import { sha256Hex } from '../../core/canonical.ts'
import { RunbookError } from '../../core/errors.ts'

const WINDOW_SECONDS = 300

/**
 * Checks that a request comes from Slack: the signature (version 0) over exactly the bytes that were sent, and a time that differs from
 * this machine's by at most five minutes. Returns an id of the request. Throws `RUNBOOK_NOT_AUTHENTICATED`.
 */
export function checkSlackSignature(
  signingSecret: string,
  { signature, timestamp }: { signature: string | undefined; timestamp: string | undefined },
  body: string,
  now = Date.now(),
): string {
  if (timestamp === undefined || !/^\d{1,15}$/.test(timestamp))
    throw refused('the header X-Slack-Request-Timestamp has no time in seconds')
  if (Math.abs(now / 1_000 - Number(timestamp)) > WINDOW_SECONDS)
    throw refused("the time of the request differs from this machine's by more than five minutes")
  const expected = `v0=${createHmac('sha256', signingSecret).update(`v0:${timestamp}:${body}`).digest('hex')}`
  // Hashes are compared, so that the time that the comparison takes discloses nothing about the signature or its length.
  if (!timingSafeEqual(Buffer.from(sha256Hex(signature ?? '')), Buffer.from(sha256Hex(expected))))
    throw refused(
      'the header X-Slack-Signature does not hold a valid signature of the body: compare slack.signingSecret with the signing secret of the Slack app',
    )
  return sha256Hex(expected)
}

function refused(why: string): RunbookError {
  return new RunbookError('RUNBOOK_NOT_AUTHENTICATED', `the request was not accepted: ${why}`)
}
