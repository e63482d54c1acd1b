import { expect, test } from 'vitest'
import type { Evidence } from '../../../src/core/evidence.ts'
import type { CheckRequest, PollRequest } from '../../../src/interpreter/host.ts'
import { longestPollMs, poll } from '../../../src/interpreter/poll.ts'
import { expression, plan } from './plan-fixture.ts'

/** A system in which every check takes as long as its timeout. The condition holds if the check finds `count` rows. */
function slowSystem(rowsAt: (ms: number) => number) {
  let now = 0
  let samples = 0
  return {
    now: () => now,
    samples: () => samples,
    port: {
      runChecks: async (requests: CheckRequest[]): Promise<Evidence[]> => {
        samples += 1
        now += Math.max(...requests.map(({ timeoutMs }) => timeoutMs))
        const rows = Array.from({ length: rowsAt(now) }, (_, id) => ({ id: String(id), n: 1 }))
        return requests.map(({ place, name, kind }) => ({
          ...{ place, name, kind, status: 'ok', truncated: false, startedAt: '', durationMs: 1, ref: '' },
          result: { rows, truncated: false },
        }))
      },
      elapsedMs: () => now,
      sleep: async (ms: number) => void (now += ms),
      cancelled: async () => false,
    },
  }
}

function request(change: Partial<PollRequest> & { timeoutMs: number }): PollRequest {
  const { timeoutMs, ...rest } = change
  const check = { ...plan().checks[0]!, name: 'after', timeoutMs }
  return {
    ...{
      place: 'r1/verify',
      checks: [check],
      scope: { inputs: { threshold: 60 } },
      types: {},
      until: expression('size(after.rows) > 0', ['after']),
    },
    ...{ holdsMs: 0, everyMs: 1_000, withinMs: 10_000 },
    ...rest,
  }
}

test.each([
  ['a sample takes much longer than the whole time, and a minute', { withinMs: 1_000, timeoutMs: 300_000 }],
  ['a sample takes as long as the time', { withinMs: 30_000, timeoutMs: 30_000 }],
  ['the pause is longer than the time', { withinMs: 1_000, everyMs: 60_000, timeoutMs: 10_000 }],
  ['the condition must hold', { withinMs: 20_000, holdsMs: 15_000, timeoutMs: 100_000 }],
])('a poll ends with an answer within its longest time: %s', async (_, change) => {
  const wanted = request(change)
  const never = slowSystem(() => 0)
  expect(await poll(never.port, wanted)).toMatchObject({
    held: false,
    detail: expect.stringMatching(/^not true within /),
  })
  expect(never.now()).toBeLessThanOrEqual(longestPollMs(wanted))
  const late = slowSystem((ms) => (ms >= wanted.withinMs ? 1 : 0))
  expect(await poll(late.port, wanted)).toMatchObject({ held: true })
  expect(late.now()).toBeLessThanOrEqual(longestPollMs(wanted))
})

test('the evidence of a poll is its last sample, with the parameters of its checks', async () => {
  const system = slowSystem((ms) => (ms > 5_000 ? 1 : 0))
  const polled = await poll(system.port, request({ timeoutMs: 1_000 }))
  expect(system.samples()).toBeGreaterThan(1)
  expect(polled.last).toMatchObject([{ place: 'r1/verify/after', result: { rows: [{ id: '0' }] } }])
  expect(polled.parameters['r1/verify/after']).toEqual({ connection: 'db' })
})
