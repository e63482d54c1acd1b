import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { Secret } from '../../../src/config/secret.ts'
import { notifyChannel } from '../../../src/channels/send.ts'
import { slackText } from '../../../src/channels/slack-webhook.ts'
import type { Channel } from '../../../src/config/channels.ts'

const slackChannel = (url: string): Channel => ({
  kind: 'slack',
  url: new Secret(url, 'SLACK', url, []),
  events: [],
})

test('data in a message can neither mention anybody nor disguise a link', () => {
  expect(slackText('<!channel> <@U012AB3CD> <https://evil.example|our wiki> a & b')).toBe(
    '&lt;!channel&gt; &lt;@U012AB3CD&gt; &lt;https://evil.example|our wiki&gt; a &amp; b',
  )
  expect(slackText('&lt;!here&gt;')).toBe('&amp;lt;!here&amp;gt;')
})

test('what reaches the webhook is escaped and whole: a cut never leaves half a character', async () => {
  const bodies: string[] = []
  const server = createServer((request, response) => {
    let body = ''
    request
      .on('data', (chunk) => (body += chunk))
      .on('end', () => {
        bodies.push(body)
        response.end('ok')
      })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`
  const config = { groups: {}, channels: { oncall: slackChannel(url) } }
  expect(await notifyChannel(config, 'oncall', `run <!channel> failed ${'x'.repeat(2_978)}😀`)).toBe('notified oncall')
  await new Promise((resolve) => server.close(resolve))
  const { text } = JSON.parse(bodies[0]!) as { text: string }
  expect(text).toMatch(/^run &lt;!channel&gt; failed x+$/)
})

test.each([
  [429, { 'retry-after': '7' }, { refused: false, retryAfterMs: 7_000 }],
  [429, { 'retry-after': 'Thu, 01 Jan 1970 00:00:00 GMT' }, { refused: false, retryAfterMs: 0 }],
  [503, { 'retry-after': '86400' }, { refused: false, retryAfterMs: 3_600_000 }],
  [500, { 'retry-after': 'soon' }, { refused: false }],
  [404, {}, { refused: true }],
])('an answer %i %o says whether and when to try again', async (status, headers, detail) => {
  const server = createServer((_, response) => void response.writeHead(status, headers).end())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`
  const config = { groups: {}, channels: { oncall: slackChannel(url) } }
  const failure: unknown = await notifyChannel(config, 'oncall', 'x').catch((error: unknown) => error)
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
  expect(failure).toMatchObject({ message: `channel oncall answered ${status}`, detail })
})
