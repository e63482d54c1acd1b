import { randomUUID } from 'node:crypto'
import { channelsFor, type Channel } from '../config/channels.ts'
import type { Config } from '../config/config.ts'
import { isRunbookError, messageOf } from '../core/errors.ts'
import type { Message } from '../core/message.ts'
import { sendByEmail } from './email.ts'
import { sendToPagerduty } from './pagerduty.ts'
import { postToSlack } from './slack-app.ts'
import { sendToSlackWebhook } from './slack-webhook.ts'
import { sendToWebhook } from './webhook.ts'

/**
 * Sends a message to one channel. Throws `RUNBOOK_UNREACHABLE` when the channel does not accept it (`post.ts` describes
 * `detail`), and `RUNBOOK_CONFIG` where its address or a secret is wrong.
 */
export async function sendMessage(name: string, channel: Channel, message: Message): Promise<void> {
  switch (channel.kind) {
    case 'slack':
      return sendToSlackWebhook(name, channel, message)
    case 'slackApp':
      await postToSlack(name, channel, message)
      return
    case 'webhook':
      return sendToWebhook(name, channel, message)
    case 'email':
      return sendByEmail(name, channel, message)
    case 'pagerduty':
      return sendToPagerduty(name, channel, message)
  }
}

/**
 * Sends a text to a channel, or to all channels of a group, and returns the outcome as text; null if there is no channel,
 * so nobody was notified. Throws when no channel accepts it: then the caller may try again.
 */
export async function notifyChannel(
  config: Pick<Config, 'channels' | 'groups'>,
  name: string,
  text: string,
): Promise<string | null> {
  const channels = channelsFor(config, name)
  if (channels.length === 0) return null
  const [title = '', ...lines] = text.split('\n')
  const id = `msg_${randomUUID()}`
  const message: Message = { id, thread: id, event: 'note', title, lines, severity: 'info' }
  const results = await Promise.allSettled(channels.map((one) => sendMessage(one, config.channels[one]!, message)))
  const failures = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as unknown] : []))
  if (failures.length === channels.length) throw failures[0]
  const missed = failures.map((error) => `, but ${messageOf(error)}`).join('')
  return `notified ${name}${missed}`
}

/** How long a channel asks the engine to wait before the next attempt. */
export function retryAfterMs(error: unknown): number | undefined {
  const asked = isRunbookError(error) ? error.detail.retryAfterMs : undefined
  return typeof asked === 'number' ? asked : undefined
}
