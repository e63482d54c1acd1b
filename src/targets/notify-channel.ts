import type { Channel } from '../config/config.ts'
import { RunbookError } from '../core/errors.ts'
import { openHttp } from './open-http.ts'
import { requestHttp } from './request-http.ts'

const TIMEOUT_MS = 5_000
const MAX_MESSAGE_LENGTH = 3_000

/**
 * Sends a message to a channel's incoming webhook and returns the outcome as text. Returns null when the name is only a group of people
 * without a webhook, so nobody was notified. Throws `RUNBOOK_UNREACHABLE` when delivery fails.
 */
export async function notifyChannel(
  channels: Record<string, Channel>,
  name: string,
  message: string,
): Promise<string | null> {
  const channel = channels[name]
  if (!channel?.slack.known) return null
  const target = await openHttp(`channel ${name}`, { kind: 'http', url: channel.slack, headers: {}, redact: [] })
  const answer = await requestHttp(target, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ text: message.slice(0, MAX_MESSAGE_LENGTH) }),
    timeoutMs: TIMEOUT_MS,
  })
  if (answer.status < 200 || answer.status > 299)
    throw new RunbookError('RUNBOOK_UNREACHABLE', `channel ${name} answered ${answer.status}`)
  return `notified ${name}`
}
