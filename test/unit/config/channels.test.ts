import { expect, test } from 'vitest'
import { whyNoAddress, whyUnreachable, type Channel } from '../../../src/config/channels.ts'
import { resolveSecret } from '../../../src/config/secret.ts'

const slack = (environment: Record<string, string>): Channel => ({
  kind: 'slack',
  url: resolveSecret('${SLACK}', 'channel support', environment),
  events: [],
})

test('a channel whose variable is not set is not reported as a missing channel', () => {
  const channels = { support: slack({}), other: slack({ SLACK: 'https://hooks.example.com/x' }) }
  const groups = { oncall: { channels: ['support'] }, both: { channels: ['support', 'other'] } }
  const why = (name: string) => whyUnreachable({ channels, groups }, name)
  expect(why('nobody')).toBe('no channel is configured')
  expect(why('support')).toBe('the address of its channel is not set (SLACK)')
  expect(why('oncall')).toBe('the address of its channel is not set (SLACK)')
  expect(why('both')).toBeUndefined()
  expect(why('other')).toBeUndefined()
  expect(whyNoAddress(channels.support)).toBe('the address of its channel is not set (SLACK)')
  expect(whyNoAddress(channels.other)).toBeUndefined()
})
