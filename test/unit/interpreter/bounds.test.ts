import { describe, expect, test } from 'vitest'
import { poll } from '../../../src/interpreter/poll.ts'
import type { World } from '../../../src/interpreter/simulated-world.ts'
import { simulate } from '../../../src/interpreter/simulator.ts'
import { evaluate } from '../../../src/language/expressions/evaluate.ts'
import { expression, plan, remedy, things } from './plan-fixture.ts'

const many = (count: number) => Array.from({ length: count }, (_, i) => ({ id: `t${i}`, n: i + 2 }))

/** Applying `mend` to a thing repairs it at once. */
function mendable(bad: { id: string; n: number }[], effect?: World['effect']): World {
  return {
    check: (name, { applied }) =>
      name === 'other' ? things() : things(...bad.filter((thing) => !applied.includes(`mend/${thing.id}`))),
    ...(effect ? { effect } : {}),
  }
}

const wide = plan({ remedies: { mend: remedy('mend', { limits: { maxTargets: 20 } }), replace: remedy('replace') } })

describe('re-checks', () => {
  test('as many as a long remedy needs do not stop it, if something is applied after each of them', async () => {
    let calls = 0
    const everySecondIsStale: World['effect'] = () => (calls++ % 2 === 0 ? 'stale' : 'applied')
    const run = await simulate(wide, {}, mendable(many(20), everySecondIsStale))
    expect(run.closing.outcome).toBe('resolved')
    expect(run.effects).toHaveLength(20)
    expect(run.drafts).toHaveLength(1)
  })

  test('after which nothing can be applied stop the remedy', async () => {
    const run = await simulate(
      wide,
      {},
      mendable(many(2), () => 'stale'),
    )
    expect(run.effects).toEqual([])
    expect(run.closing.outcome).toBe('escalated')
    expect(run.events.find(({ kind }) => kind === 'stopped')?.data).toMatchObject({
      reason: expect.stringContaining('too old 5 times'),
    })
  })
})

describe('what was applied is verified', () => {
  const verdicts = (events: { kind: string; data: unknown }[]) =>
    events.filter(({ kind }) => kind === 'verified').map(({ data }) => data)

  test('also when the remedy was stopped before its last target', async () => {
    const effect: World['effect'] = ({ target }) => (target === 't0' ? 'applied' : 'stale')
    const run = await simulate(wide, {}, mendable(many(2), effect))
    expect(verdicts(run.events)[0]).toMatchObject({ round: 1, held: true, targets: ['t0'] })
  })

  test('also when another effect is unknown, about which people are notified first', async () => {
    const effect: World['effect'] = ({ target }) => (target === 't0' ? 'applied' : 'unknown')
    const run = await simulate(wide, {}, mendable(many(2), effect))
    expect(run.closing).toMatchObject({ outcome: 'escalated', reason: expect.stringContaining('unknown for t1') })
    expect(verdicts(run.events)).toMatchObject([{ held: true, targets: ['t0'] }])
    expect(run.escalations).toHaveLength(1)
  })

  test('also when only the action that is done once was applied', async () => {
    const [action] = remedy('mend').actions
    const once = { ...action!, id: '0-sql.execute', once: true, with: {} }
    const mend = remedy('mend', { actions: [once, { ...action!, id: '1-sql.update' }] })
    const effect: World['effect'] = ({ id }) => (id === '0-sql.execute' ? 'applied' : 'stale')
    const run = await simulate(plan({ remedies: { mend, replace: remedy('replace') } }), {}, mendable(many(2), effect))
    expect(verdicts(run.events)[0]).toMatchObject({ round: 1, targets: ['t0', 't1'] })
  })
})

describe('affected items that cannot be targets', () => {
  test.each(['', '-', 'a\u0007b', 'x'.repeat(501)])(
    'with the key %j are left out, and the gate says why',
    async (id) => {
      const run = await simulate(plan(), {}, mendable([{ id, n: 2 }, ...many(1)]))
      expect(run.drafts[0]).toMatchObject({
        targets: [{ key: 't0' }],
        because: expect.stringContaining('1 affected item is left out: a target'),
      })
      expect(run.effects).toMatchObject([{ target: 't0', result: 'applied' }])
    },
  )
})

describe('the cost of all expressions of one activation', () => {
  const costly = expression(
    'thing.id + "/" + string(size(bad.rows.filter(j, bad.rows.exists(l, l.n == j.n && l.id == "x" + thing.id))))',
    ['bad'],
  )

  test('is bounded: the incident fails with the reason, people are notified, and it takes no seconds', async () => {
    const mend = remedy('mend', { key: { expr: costly }, limits: { maxTargets: 20 } })
    const before = process.cpuUsage()
    const run = await simulate(plan({ remedies: { mend, replace: remedy('replace') } }), {}, mendable(many(480)))
    const { user } = process.cpuUsage(before)
    expect(run.closing).toMatchObject({ outcome: 'failed', reason: expect.stringContaining('cost too much together') })
    expect(run.drafts).toEqual([])
    expect(run.escalations).toMatchObject([{ to: ['platform-support'], message: '480 are bad' }])
    expect(user).toBeLessThan(4_500_000)
  })

  test('does not end a remedy with many cheap targets, and ends with the incident', async () => {
    const run = await simulate(wide, {}, mendable(many(480)))
    expect(run.drafts[0]).toMatchObject({ affected: 480 })
    for (let i = 0; i < 300; i += 1)
      evaluate(
        expression('size(rows.filter(j, rows.exists(l, l == j && l < 0)))'),
        { rows: many(300).map(({ n }) => n) },
        ROWS,
      )
  })

  const ROWS = { rows: { list: 'int' } } as const
})

describe('notifications while a gate is open', () => {
  test('that cannot be delivered neither end the incident nor delay the decision', async () => {
    const world: World = { ...mendable(many(1)), decide: () => ({ approve: 'all', afterMs: 1_000_000 }) }
    const run = await simulate(plan(), {}, world, {
      escalate: () => Promise.reject(new Error('the webhook is no URL')),
    })
    expect(run.closing.outcome).toBe('resolved')
  })
})

test('a manual step ends its wait when the approval was withdrawn, and the next round asks again', async () => {
  const [action] = remedy('mend').actions
  const byHand = { ...action!, id: '0-manual', kind: 'manual', access: 'person' as const, timeoutMs: 3_600_000 }
  const asked: number[] = []
  const effect: World['effect'] = (_, round) => {
    asked.push(round)
    return round > 1 ? 'applied' : asked.length > 2 ? 'withdrawn' : 'waiting'
  }
  const mend = remedy('mend', { actions: [byHand] })
  const run = await simulate(plan({ remedies: { mend, replace: remedy('replace') } }), {}, mendable(many(1), effect))
  expect(asked).toEqual([1, 1, 1, 2])
  expect(run.closing.outcome).toBe('resolved')
})

test('polling returns the parameters of its last sample, for the history', async () => {
  const { checks, until, holdsMs, everyMs, withinMs } = remedy('mend').verify
  const polled = await poll(
    {
      runChecks: async (requests) =>
        requests.map(({ place, name, kind }) => ({
          ...{ place, name, kind, status: 'ok' as const, result: things(), ref: 'r', truncated: false },
          ...{ startedAt: '', durationMs: 0 },
        })),
      elapsedMs: () => 100_000,
      sleep: async () => {},
      cancelled: async () => true,
    },
    {
      ...{ place: 'r1/verify', checks, scope: { inputs: {}, targets: [] }, until, holdsMs, everyMs, withinMs },
      types: { inputs: { object: {} }, targets: { list: 'dyn' } },
    },
  )
  expect(polled.parameters).toEqual({ 'r1/verify/after': { connection: 'db' } })
})
