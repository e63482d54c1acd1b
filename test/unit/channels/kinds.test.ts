import { Webhook } from 'standardwebhooks'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { sendMessage } from '../../../src/channels/send.ts'
import type { Channel, ChannelAddress } from '../../../src/config/channels.ts'
import { Secret } from '../../../src/config/secret.ts'
import type { Message } from '../../../src/core/message.ts'
import { startChannelServer, type ChannelServer } from '../../support/channel-server.ts'
import { startMailServer, type MailServer } from '../../support/mail-server.ts'

const MENTIONS = '<!channel> <@U012AB3CD> @here <https://evil.example|our wiki>'
const message: Message = {
  id: 'msg_0123456789abcdef',
  thread: 'INC-7@3f1c',
  event: 'escalated',
  incident: 'INC-7',
  title: `INC-7: ${MENTIONS}`,
  lines: ['a & b', `run 'x"; --`],
  link: 'https://runbook.example.com/incidents/INC-7',
  severity: 'critical',
}
const secret = (text: string) => new Secret(text, 'a test', text, [])
const channel = (address: ChannelAddress): Channel => ({ ...address, events: [] })

let server: ChannelServer
let mail: MailServer
beforeEach(async () => {
  server = await startChannelServer()
  mail = await startMailServer()
})
afterEach(async () => {
  await server.close()
  await mail.close()
})

const failureOf = (address: ChannelAddress, sent = message) =>
  sendMessage('oncall', channel(address), sent).catch((error: unknown) => error)

describe('a signed webhook', () => {
  const KEY = `whsec_${Buffer.from('0123456789abcdef0123456789abcdef').toString('base64')}`
  const webhook = (): ChannelAddress => ({ kind: 'webhook', url: secret(`${server.url}/in`), secret: secret(KEY) })

  test('gets JSON that its secret proves, with the same id each time', async () => {
    await sendMessage('oncall', channel(webhook()), message)
    await sendMessage('oncall', channel(webhook()), message)
    const [first, second] = server.requests
    expect(new Webhook(KEY).verify(first!.body, first!.headers as Record<string, string>)).toMatchObject({
      type: 'incident.escalated',
      data: { incident: 'INC-7', title: message.title, lines: message.lines, severity: 'critical', link: message.link },
    })
    expect(second!.headers['webhook-id']).toBe(first!.headers['webhook-id'])
    const changed = first!.body.replace('INC-7', 'INC-8')
    expect(() => new Webhook(KEY).verify(changed, first!.headers as Record<string, string>)).toThrow()
  })

  test('that refuses it says whether another attempt can succeed', async () => {
    server.answers = [{ status: 401 }, { status: 503, headers: { 'retry-after': '30' } }]
    expect(await failureOf(webhook())).toMatchObject({ detail: { refused: true } })
    expect(await failureOf(webhook())).toMatchObject({ detail: { refused: false, retryAfterMs: 30_000 } })
  })
})

describe('PagerDuty', () => {
  const pagerduty = (): ChannelAddress => ({
    kind: 'pagerduty',
    url: server.url,
    key: secret('key-of-the-service-0123'),
  })
  const events = () => server.requests.map(({ body }) => JSON.parse(body) as Record<string, unknown>)

  test('gets one alert for each incident, which the end resolves', async () => {
    await sendMessage('oncall', channel(pagerduty()), message)
    await sendMessage('oncall', channel(pagerduty()), { ...message, id: 'msg_2', event: 'closed', outcome: 'resolved' })
    expect(server.requests.map(({ path }) => path)).toEqual(['/v2/enqueue', '/v2/enqueue'])
    expect(events()).toMatchObject([
      {
        routing_key: 'key-of-the-service-0123',
        event_action: 'trigger',
        dedup_key: 'INC-7@3f1c',
        payload: { summary: message.title, severity: 'critical', source: 'runbook' },
        links: [{ href: message.link }],
      },
      { event_action: 'resolve', dedup_key: 'INC-7@3f1c' },
    ])
  })

  test.each(['failed', 'escalated', 'expired'] as const)(
    'keeps the alert of an incident that ended as %s',
    async (outcome) => {
      await sendMessage('oncall', channel(pagerduty()), { ...message, outcome })
      expect(events()).toMatchObject([{ event_action: 'trigger' }])
    },
  )

  test('gets at most 1,024 characters as summary', async () => {
    await sendMessage('oncall', channel(pagerduty()), { ...message, title: 'x'.repeat(5_000) })
    expect(events()).toMatchObject([{ payload: { summary: 'x'.repeat(1_024) } }])
  })
})

describe('e-mail', () => {
  const email = (): ChannelAddress => ({
    kind: 'email',
    smtp: secret(mail.url),
    from: 'runbook@example.com',
    to: ['oncall@example.com', 'lead@example.com'],
  })

  test('is plain text with the link, one conversation for each incident, and the same id each time', async () => {
    await sendMessage('oncall', channel(email()), message)
    await sendMessage('oncall', channel(email()), message)
    const [first, second] = mail.mails
    expect(first).toMatchObject({ from: '<runbook@example.com>', to: ['<oncall@example.com>', '<lead@example.com>'] })
    expect(first!.data).toMatch(/^Content-Type: text\/plain/m)
    expect(first!.data).toMatch(/^References: <INC-7.3f1c@runbook.invalid>/m)
    expect(first!.data).toContain(message.link)
    expect(first!.data).toContain('<!channel>')
    const idOf = (data: string) => /^Message-ID: (.*)$/m.exec(data)?.[1]
    expect(idOf(second!.data)).toBe(idOf(first!.data))
  })

  test('whose title has line breaks gets no further header', async () => {
    await sendMessage('oncall', channel(email()), {
      ...message,
      title: 'INC-7: x\r\nBcc: all@example.com\r\n\r\nhello',
    })
    expect(mail.mails[0]!.to).toHaveLength(2)
    expect(mail.mails[0]!.data.split('\r\n\r\n')[0]).not.toMatch(/^Bcc:/m)
  })

  test('that the server does not accept says whether another attempt can succeed', async () => {
    mail.refuse = '451 try later'
    expect(await failureOf(email())).toMatchObject({
      message: expect.stringContaining('451'),
      detail: { refused: false },
    })
    mail.refuse = '552 too large'
    expect(await failureOf(email())).toMatchObject({ detail: { refused: true } })
  })
})
