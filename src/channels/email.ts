import { createTransport } from 'nodemailer'
import type { EmailChannel } from '../config/channels.ts'
import { messageOf } from '../core/errors.ts'
import { messageText, type Message } from '../core/message.ts'
import { cutText } from '../core/storable.ts'
import { notAccepted } from './post.ts'

const TIMEOUT_MS = 5_000
const MAX_SUBJECT_LENGTH = 200
const MAX_TEXT_LENGTH = 100_000

/**
 * Sends an e-mail of plain text. If the e-mail is sent again, it has the same message id, so that mail programs show it once. All messages
 * about an incident form one conversation.
 */
export async function sendByEmail(name: string, { smtp, from, to }: EmailChannel, message: Message): Promise<void> {
  const { id, thread, title } = message
  const transport = createTransport({
    url: smtp.reveal(),
    connectionTimeout: TIMEOUT_MS,
    greetingTimeout: TIMEOUT_MS,
    socketTimeout: TIMEOUT_MS,
    dnsTimeout: TIMEOUT_MS,
    disableFileAccess: true,
    disableUrlAccess: true,
  })
  try {
    await transport.sendMail({
      from,
      to,
      subject: cutText(title, MAX_SUBJECT_LENGTH),
      text: cutText(messageText(message), MAX_TEXT_LENGTH),
      messageId: messageId(id),
      references: [messageId(thread)],
      inReplyTo: messageId(thread),
      headers: { 'Auto-Submitted': 'auto-generated' },
    })
  } catch (error) {
    const { responseCode } = error as { responseCode?: number }
    // SMTP answers 5xx when it refuses for good, and 4xx when the same message may be accepted later.
    throw notAccepted(name, `did not accept the e-mail: ${messageOf(error)}`, { refused: (responseCode ?? 0) >= 500 })
  } finally {
    transport.close()
  }
}

function messageId(id: string): string {
  return `<${id.replace(/[^A-Za-z0-9.-]/g, '.')}@runbook.invalid>`
}
