import { createHmac, timingSafeEqual } from 'node:crypto'
import { Webhook } from 'standardwebhooks'
import type { HookCredentials } from '../../config/config.ts'
import { sha256Hex } from '../../core/canonical.ts'
import { RunbookError } from '../../core/errors.ts'

/**
 * The maximum difference between the time of a signed delivery and the time of this machine; with a greater difference the delivery is
 * refused. Standard Webhooks has the same limit.
 */
const REPLAY_WINDOW_SECONDS = 300

/** Reads a header of the request. Upper and lower case in the name do not matter. */
type Header = (name: string) => string | undefined

/**
 * Checks that a delivery comes from its source. A signature is checked over exactly the bytes that were sent. Throws
 * `RUNBOOK_NOT_AUTHENTICATED`, and `RUNBOOK_CONFIG` if the secret is not set on this machine.
 */
export function checkDelivery(credentials: HookCredentials, header: Header, body: Buffer, now = Date.now()): void {
  switch (credentials.by) {
    case 'bearer':
      return checkBearer(credentials.token.reveal(), header)
    case 'basic':
      return checkBasic(credentials.user, credentials.password.reveal(), header)
    case 'hmac':
      return checkHmac(credentials, header, body, now)
    case 'standardWebhooks':
      return checkStandardWebhook(credentials.secret.reveal(), header, body)
  }
}

/** Whether the headers hold the credentials, so that they can be checked before the body is read. */
export function needsNoBody({ by }: HookCredentials): boolean {
  return by === 'bearer' || by === 'basic'
}

function checkBearer(token: string, header: Header): void {
  const given = /^Bearer +(\S+)$/i.exec(header('authorization') ?? '')?.[1]
  if (given === undefined || !isSame(given, token))
    throw refused('the header Authorization has no bearer token, or its token differs from the configuration')
}

function checkBasic(user: string, password: string, header: Header): void {
  const encoded = /^Basic +(\S+)$/i.exec(header('authorization') ?? '')?.[1]
  const given = encoded === undefined ? undefined : Buffer.from(encoded, 'base64').toString('utf8')
  if (given === undefined || !isSame(given, `${user}:${password}`))
    throw refused('the header Authorization has no user and password, or they differ from the configuration')
}

function checkHmac(
  { secret, header: name, timestampHeader }: Extract<HookCredentials, { by: 'hmac' }>,
  header: Header,
  body: Buffer,
  now: number,
): void {
  const hmac = createHmac('sha256', secret.reveal())
  if (timestampHeader !== undefined) {
    const time = header(timestampHeader)
    if (time === undefined || !/^\d{1,15}$/.test(time))
      throw refused(`the header ${timestampHeader} has no time in seconds`)
    if (Math.abs(now / 1_000 - Number(time)) > REPLAY_WINDOW_SECONDS)
      throw refused(`the time in the header ${timestampHeader} differs from this machine's by more than five minutes`)
    hmac.update(`${time}:`)
  }
  const expected = hmac.update(body).digest('hex')
  if (!isSame((header(name) ?? '').trim(), expected))
    throw refused(
      `the header ${name} does not hold the signature of the body: compare the secret with the one in the source's contact point`,
    )
}

function checkStandardWebhook(secret: string, header: Header, body: Buffer): void {
  const names = ['webhook-id', 'webhook-timestamp', 'webhook-signature'] as const
  const headers = Object.fromEntries(names.map((name) => [name, header(name) ?? '']))
  try {
    new Webhook(secret).verify(body, headers, { jsonParse: false })
  } catch {
    throw refused(
      'the headers webhook-id, webhook-timestamp and webhook-signature do not hold a valid signature of the body, or the time differs from the time of this machine by more than five minutes',
    )
  }
}

/** Compares hashes, so that the time that the comparison takes discloses nothing about the secret or its length. */
function isSame(given: string, expected: string): boolean {
  return timingSafeEqual(Buffer.from(sha256Hex(given)), Buffer.from(sha256Hex(expected)))
}

function refused(why: string): RunbookError {
  return new RunbookError('RUNBOOK_NOT_AUTHENTICATED', `the delivery was not accepted: ${why}`)
}
