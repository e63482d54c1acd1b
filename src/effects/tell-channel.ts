import { messageOf, RunbookError } from '../core/errors.ts'

const TIMEOUT_MS = 5_000
/** Slack cuts longer texts. */
const LONGEST = 3_000

/**
 * Posts a message in the form of a Slack webhook. Without an address nothing is sent, and said so. Throws RUNBOOK_UNREACHABLE when it
 * was not taken; neither the address nor the answer, which could hold it, is in the message.
 */
export async function tellChannel(channel: string, webhook: string | undefined, message: string): Promise<string> {
  if (!webhook) return `no channel ${channel} is configured: nobody was told`
  const text = message.length > LONGEST ? `${message.slice(0, LONGEST)}…` : message
  let status: number
  try {
    const answer = await fetch(webhook, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ text: escapeMarkup(text) }),
      redirect: 'error',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    })
    status = answer.status
    await answer.body?.cancel()
  } catch (error) {
    const why = error instanceof Error && error.name === 'TimeoutError' ? 'no answer in 5 s' : failureOf(error)
    throw new RunbookError('RUNBOOK_UNREACHABLE', `channel ${channel}: ${why}`)
  }
  if (status < 200 || status > 299)
    throw new RunbookError('RUNBOOK_UNREACHABLE', `channel ${channel}: answered ${status}`)
  return `told ${channel}`
}

/** The code of the socket's error (ECONNREFUSED), since messages may quote the address. */
function failureOf(error: unknown): string {
  const cause = error instanceof Error ? (error.cause as { code?: unknown } | undefined) : undefined
  return typeof cause?.code === 'string' ? cause.code : messageOf(error).replace(/\S+:\/\/\S+/g, '…')
}

/** What Slack would read as a link, a mention or an entity stands for itself: the text quotes the diagnosed system's data. */
function escapeMarkup(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
