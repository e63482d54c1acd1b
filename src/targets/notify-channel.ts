import type { Channel } from '../config/config.ts'
import { RunbookError } from '../core/errors.ts'
import { defined } from '../core/defined.ts'
import { cutText } from '../core/storable.ts'
import { openHttp } from './open-http.ts'
import { requestHttp } from './request-http.ts'

const TIMEOUT_MS = 5_000
const MAX_MESSAGE_LENGTH = 3_000

/**
 * Sends a message to a channel's incoming webhook and returns the outcome as text. Returns null when the name is only a group of people
 * without a webhook, so nobody was notified. Throws `RUNBOOK_UNREACHABLE` when delivery fails; `detail.retryAfterMs` is how long the
 * channel asks to wait, and `detail.refused` is true where the same message would be refused again.
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
  if (answer.status >= 200 && answer.status <= 299) return `notified ${name}`
  const detail = {
    refused: answer.status >= 400 && answer.status < 500 && !MAY_SUCCEED_LATER.includes(answer.status),
    ...defined({ retryAfterMs: retryAfterMs(answer.headers['retry-after']) }),
  }
  throw new RunbookError('RUNBOOK_UNREACHABLE', `channel ${name} answered ${answer.status}`, detail)
}

const MAX_RETRY_AFTER_MS = 5 * 60_000
/** HTTP statuses after which the same request may succeed later: request timeout, too early, too many requests. */
const MAY_SUCCEED_LATER = [408, 425, 429]

/** How long a `Retry-After` header asks to wait, in milliseconds. The header holds seconds or a date. */
function retryAfterMs(header: string | undefined): number | undefined {
  if (header === undefined) return undefined
  const ms = /^\d{1,9}$/.test(header.trim()) ? Number(header) * 1000 : Date.parse(header) - Date.now()
  return Number.isNaN(ms) ? undefined : Math.min(MAX_RETRY_AFTER_MS, Math.max(0, ms))
}

/**
 * A text in the form that Slack shows literally. Slack takes `<…>` for links and mentions, such as `<!channel>`, and
 * `&` for the start of an escape: data in a message must neither notify a whole channel nor hide an address behind
 * other words.
 */
export function slackText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
