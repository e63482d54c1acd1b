import { createHmac } from 'node:crypto'
import { Webhook } from 'standardwebhooks'
import { describe, expect, test } from 'vitest'
import { Secret } from '../../../../src/config/secret.ts'
import type { HookCredentials } from '../../../../src/config/config.ts'
import { checkDelivery } from '../../../../src/engine/alerts/check-delivery.ts'

const BODY = Buffer.from('{"alerts":[{"labels":{"a":"ü"}}]}')
const NOW = 1_790_000_000_000
const secret = (value: string) => new Secret('${HOOK}', 'hook', value, [])

function check(credentials: HookCredentials, headers: Record<string, string>, body = BODY, now = NOW): void {
  checkDelivery(credentials, (name) => headers[name.toLowerCase()], body, now)
}
const refused = expect.objectContaining({ code: 'RUNBOOK_NOT_AUTHENTICATED' })
const hmac = (key: string, ...parts: (string | Buffer)[]) =>
  parts
    .reduce<ReturnType<typeof createHmac>>((made, part) => made.update(part), createHmac('sha256', key))
    .digest('hex')

describe('a bearer token', () => {
  const credentials: HookCredentials = { by: 'bearer', token: secret('a-long-token-of-the-hook') }
  test('is accepted', () => {
    expect(() => check(credentials, { authorization: 'Bearer a-long-token-of-the-hook' })).not.toThrow()
  })
  test.each([
    {},
    { authorization: 'Bearer another' },
    { authorization: 'a-long-token-of-the-hook' },
    { authorization: 'Bearer ' },
  ])('%j is refused', (headers) => expect(() => check(credentials, headers as Record<string, string>)).toThrow(refused))
})

describe('user and password', () => {
  const credentials: HookCredentials = { by: 'basic', user: 'am', password: secret('secret-ü:with-colon') }
  const basic = (text: string) => ({ authorization: `Basic ${Buffer.from(text).toString('base64')}` })
  test('are accepted', () => {
    expect(() => check(credentials, basic('am:secret-ü:with-colon'))).not.toThrow()
  })
  test.each(['am:wrong', 'other:secret-ü:with-colon', ''])('%j is refused', (text) =>
    expect(() => check(credentials, basic(text))).toThrow(refused),
  )
})

describe("Grafana's signature", () => {
  const plain: HookCredentials = {
    by: 'hmac',
    secret: secret('grafana-secret-1'),
    header: 'X-Grafana-Alerting-Signature',
  }
  const timed: HookCredentials = { ...plain, timestampHeader: 'X-Grafana-Alerting-Timestamp' }
  const seconds = String(NOW / 1_000)
  const signed = (time: string, key = 'grafana-secret-1') => ({
    'x-grafana-alerting-timestamp': time,
    'x-grafana-alerting-signature': hmac(key, `${time}:`, BODY),
  })

  test('of the body is accepted, of another body or by another key refused', () => {
    check(plain, { 'x-grafana-alerting-signature': hmac('grafana-secret-1', BODY) })
    expect(() => check(plain, { 'x-grafana-alerting-signature': hmac('other', BODY) })).toThrow(refused)
    expect(() => check(plain, { 'x-grafana-alerting-signature': hmac('grafana-secret-1', 'x') })).toThrow(refused)
    expect(() => check(plain, {})).toThrow(refused)
  })

  test('with the time is accepted for five minutes', () => {
    check(timed, signed(seconds))
    check(timed, signed(seconds), BODY, NOW + 299_000)
    expect(() => check(timed, signed(seconds), BODY, NOW + 301_000)).toThrow('more than five minutes')
    expect(() => check(timed, signed(seconds), BODY, NOW - 301_000)).toThrow('more than five minutes')
  })

  test('a time that was not signed is refused', () => {
    const moved = { ...signed(seconds), 'x-grafana-alerting-timestamp': String(NOW / 1_000 + 1) }
    expect(() => check(timed, moved)).toThrow(refused)
    const without = { 'x-grafana-alerting-signature': hmac('grafana-secret-1', BODY) }
    expect(() => check(timed, without)).toThrow('no time in seconds')
  })
})

describe('Standard Webhooks', () => {
  const key = `whsec_${Buffer.from('0123456789abcdef0123456789abcdef').toString('base64')}`
  const credentials: HookCredentials = { by: 'standardWebhooks', secret: secret(key) }
  const signed = (at: Date) => ({
    'webhook-id': 'msg_1',
    'webhook-timestamp': String(Math.floor(at.getTime() / 1_000)),
    'webhook-signature': new Webhook(key).sign('msg_1', at, BODY),
  })

  test('is accepted now, and refused with another body, id or time', () => {
    const headers = signed(new Date())
    check(credentials, headers)
    expect(() => check(credentials, headers, Buffer.from('{}'))).toThrow(refused)
    expect(() => check(credentials, { ...headers, 'webhook-id': 'msg_2' })).toThrow(refused)
    expect(() => check(credentials, signed(new Date(Date.now() - 400_000)))).toThrow(refused)
    expect(() => check(credentials, {})).toThrow(refused)
  })
})
