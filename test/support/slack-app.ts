import { createHmac } from 'node:crypto'
import { Secret } from '../../src/config/secret.ts'
import type { SlackApp } from '../../src/config/channels.ts'
import { startChannelServer, type ChannelServer } from './channel-server.ts'

const TOKEN = 'bot-token-0123456789'
const SIGNING_SECRET = 'signing-secret-0123456789'

interface SlackMessage {
  channel: string
  ts: string
  text: string
  blocks: any[]
  thread_ts?: string
}

/** A local stand-in for Slack: its API, the addresses for answers, and the signature of clicks. */
export interface SlackStandIn {
  server: ChannelServer
  app: SlackApp
  /** The messages as they are shown now, by channel and number. */
  messages: Map<string, SlackMessage>
  /** The answers that users received, and the forms that were opened. */
  answers: any[]
  forms: any[]
  /** The buttons of a message. */
  buttonsOf(message: SlackMessage): Record<string, { value: string; confirm?: any; url?: string }>
  close(): Promise<void>
}

export async function startSlack(): Promise<SlackStandIn> {
  const server = await startChannelServer()
  const secret = (text: string) => new Secret(text, 'a test', text, [])
  const messages = new Map<string, SlackMessage>()
  const answers: any[] = []
  const forms: any[] = []
  let number = 0
  server.answer = ({ path, headers, body }) => {
    const sent = JSON.parse(body)
    if (path.startsWith('/response')) {
      answers.push(sent)
      return { status: 200, body: 'ok' }
    }
    const ok = (more = {}) => ({ status: 200, body: JSON.stringify({ ok: true, ...more }) })
    const no = (error: string) => ({ status: 200, body: JSON.stringify({ ok: false, error }) })
    if (headers.authorization !== `Bearer ${TOKEN}`) return no('invalid_auth')
    if (sent.blocks && !isValid(sent.blocks)) return no('invalid_blocks')
    if (path === '/api/chat.postMessage') {
      const ts = `1700000000.${String(++number).padStart(6, '0')}`
      messages.set(`${sent.channel}/${ts}`, { ...sent, ts })
      return ok({ channel: sent.channel, ts })
    }
    if (path === '/api/chat.update') {
      const key = `${sent.channel}/${sent.ts}`
      if (!messages.has(key)) return no('message_not_found')
      messages.set(key, { ...messages.get(key)!, ...sent })
      return ok({ channel: sent.channel, ts: sent.ts })
    }
    if (path === '/api/views.open') {
      forms.push(sent)
      return ok()
    }
    return no('unknown_method')
  }
  return {
    server,
    app: { token: secret(TOKEN), signingSecret: secret(SIGNING_SECRET), api: `${server.url}/api` },
    messages,
    answers,
    forms,
    buttonsOf: ({ blocks }) =>
      Object.fromEntries(
        blocks
          .flatMap((block) => (block.type === 'actions' ? block.elements : []))
          .map((one: any) => [one.action_id, one]),
      ),
    close: () => server.close(),
  }
}

/** Slack's limits. */
function isValid(blocks: any[]): boolean {
  const elements = blocks.flatMap((block) => block.elements ?? [])
  return (
    blocks.length <= 50 &&
    blocks.every(
      (block) => block.text === undefined || (block.text.text.length > 0 && block.text.text.length <= 3_000),
    ) &&
    elements.every(
      ({ text, value = '', confirm }) =>
        text.text.length <= 75 &&
        value.length <= 2_000 &&
        (confirm === undefined ||
          (confirm.title.text.length <= 100 && confirm.text.text.length <= 300 && confirm.confirm.text.length <= 30)),
    )
  )
}

/** The body and headers with which Slack sends a payload. */
export function signed(payload: object, { secret = SIGNING_SECRET, ageSeconds = 0 } = {}) {
  const body = new URLSearchParams({ payload: JSON.stringify(payload) }).toString()
  const timestamp = String(Math.floor(Date.now() / 1000) - ageSeconds)
  const signature = `v0=${createHmac('sha256', secret).update(`v0:${timestamp}:${body}`).digest('hex')}`
  return {
    method: 'POST',
    body,
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      'x-slack-request-timestamp': timestamp,
      'x-slack-signature': signature,
    },
  }
}
