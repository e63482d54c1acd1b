import { expect, test } from 'vitest'
import { outboxFindings } from '../../../../src/engine/setup/doctor-outbox.ts'

test('messages that a channel does not accept are a warning, and those that are no longer sent an error', () => {
  const waiting = [{ channel: 'oncall', messages: 3, oldestMs: 600_000, problem: 'channel oncall answered 500' }]
  const givenUp = [{ channel: 'lead', messages: 1, problem: 'channel lead answered 404' }]
  expect(outboxFindings({ waiting, givenUp })).toMatchObject([
    {
      name: 'channel oncall',
      ok: true,
      warning: true,
      detail: 'does not accept 3 messages, the oldest for 10m 00s: channel oncall answered 500',
    },
    {
      name: 'channel lead',
      ok: false,
      detail: expect.stringContaining('did not accept 1 message in the last 24 hours'),
    },
  ])
  expect(outboxFindings({ waiting: [], givenUp: [] })).toEqual([])
})
