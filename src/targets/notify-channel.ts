import type { Channel } from '../config/config.ts'
import { RunbookError } from '../core/errors.ts'
import { cutText } from '../core/storable.ts'
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
    body: JSON.stringify({ text: slackText(cutText(message, MAX_MESSAGE_LENGTH)) }),
    timeoutMs: TIMEOUT_MS,
  })
  if (answer.status < 200 || answer.status > 299)
    throw new RunbookError('RUNBOOK_UNREACHABLE', `channel ${name} answered ${answer.status}`)
  return `notified ${name}`
}

/**
 * A text as Slack shows it literally. Slack takes `<…>` for links and mentions, such as `<!channel>`, and `&` for the start of an escape:
 * data in a message must neither notify a whole channel nor hide an address behind other words.
 */
export function slackText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
