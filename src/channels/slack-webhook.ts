import type { SlackWebhook } from '../config/channels.ts'
import { messageText, type Message } from '../core/message.ts'
import { cutText } from '../core/storable.ts'
import { postJson } from './post.ts'

const MAX_TEXT_LENGTH = 3_000

/** Posts to an incoming webhook of Slack. */
export async function sendToSlackWebhook(name: string, { url }: SlackWebhook, message: Message): Promise<void> {
  await postJson(name, url, {
    body: JSON.stringify({ text: slackText(cutText(messageText(message), MAX_TEXT_LENGTH)) }),
  })
}

/**
 * A text in the form that Slack shows literally. Slack treats `<…>` as a link or a mention, such as `<!channel>`, and `&` as the start of
 * an escape. Data in a message must neither notify a whole channel nor hide an address behind other words.
 */
export function slackText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
