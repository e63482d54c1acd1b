import { Webhook } from 'standardwebhooks'
import type { WebhookChannel } from '../config/channels.ts'
import { defined } from '../core/defined.ts'
import type { Message } from '../core/message.ts'
import { postJson } from './post.ts'

/**
 * Posts to an HTTP service with a signature according to Standard Webhooks. `webhook-id` is the same when a message is sent again, so that
 * the receiver can ignore the repetition.
 */
export async function sendToWebhook(name: string, { url, secret }: WebhookChannel, message: Message): Promise<void> {
  const { id, event, incident, title, lines, link, severity, outcome } = message
  const sentAt = new Date()
  const body = JSON.stringify({
    type: `incident.${event}`,
    timestamp: sentAt.toISOString(),
    data: defined({ incident, title, lines, link, severity, outcome }),
  })
  await postJson(name, url, {
    headers: {
      'webhook-id': id,
      'webhook-timestamp': String(Math.floor(sentAt.getTime() / 1000)),
      'webhook-signature': new Webhook(secret.reveal()).sign(id, sentAt, body),
    },
    body,
  })
}
