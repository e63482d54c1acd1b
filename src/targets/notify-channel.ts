import type { Channel } from '../config/config.ts'
import { RunbookError } from '../core/errors.ts'
import { openHttp } from './open-http.ts'
import { requestHttp } from './request-http.ts'

const TIMEOUT_MS = 5_000
const MAX_MESSAGE = 3_000

/**
 * Tells a channel through its incoming webhook, and says what came of it; null where the name has no webhook and is a group of people
 * only, so that nobody was told. Throws `RUNBOOK_UNREACHABLE` where it could not be delivered.
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
    body: JSON.stringify({ text: message.slice(0, MAX_MESSAGE) }),
    timeoutMs: TIMEOUT_MS,
  })
  if (answer.status < 200 || answer.status > 299)
    throw new RunbookError('RUNBOOK_UNREACHABLE', `channel ${name} answered ${answer.status}`)
  return `told ${name}`
}
