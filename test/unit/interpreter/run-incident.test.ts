import { describe, expect, test } from 'vitest'
import type { Plan } from '../../../src/core/plan.ts'
import type { World } from '../../../src/interpreter/simulated-world.ts'
import { simulate } from '../../../src/interpreter/simulator.ts'
import { expression, plan, remedy, things } from './plan-fixture.ts'

const a = { id: 'a', n: 2 }
const b = { id: 'b', n: 3 }

/** Applying `mend` to a thing repairs it at once; nothing else changes. */
function mendable(...bad: { id: string; n: number }[]): World {
  return {
    check: (name, { applied }) =>
      name === 'other' ? things() : things(...bad.filter((thing) => !applied.includes(`mend/${thing.id}`))),
  }
}

describe('an incident', () => {
  test('whose remedy works is resolved in one round, with one effect for each target', async () => {
    const run = await simulate(plan(), {}, mendable(a, b))
    expect(run.closing).toMatchObject({ outcome: 'resolved' })
    expect(run.effects).toEqual([
      { round: 1, action: '0-sql.update', target: 'a', result: 'applied' },
      { round: 1, action: '0-sql.update', target: 'b', result: 'applied' },
    ])
    expect(run.drafts[0]).toMatchObject({ cause: 'many-bad', because: '2 things are bad', affected: 2 })
    expect(run.sampledPlaces).toContain('r1/recheck1/bad')
  })

  test('whose remedy has no checks to verify it records that nothing was seen', async () => {
    const verify = { ...remedy('mend').verify, checks: [], until: expression('true') }
    const run = await simulate(plan({ remedies: { mend: remedy('mend', { verify }) } }), {}, mendable(a))
    const verified = (events: typeof run.events) => events.find((event) => event.kind === 'verified')?.data
    expect(verified(run.events)).toMatchObject({ held: true, unseen: true })
    expect(verified((await simulate(plan(), {}, mendable(a))).events)).not.toHaveProperty('unseen')
  })

  test('with a target key that means all targets, and no other target, is escalated and proposes nothing', async () => {
    const run = await simulate(plan(), {}, mendable({ id: '-', n: 1 }))
    expect(run.drafts).toEqual([])
    expect(run.closing).toMatchObject({
      outcome: 'escalated',
      reason: expect.stringContaining('may not have the key "-"'),
    })
  })

  test('whose symptom was never present is cleared and proposes nothing', async () => {
    const run = await simulate(plan(), {}, { check: () => things() })
    expect(run.closing.outcome).toBe('cleared')
    expect(run.drafts).toEqual([])
  })

  test('is not verified when the write succeeded and nothing recovered', async () => {
    const run = await simulate(plan(), {}, { check: () => things(a) })
    expect(run.events.find((event) => event.kind === 'verified')?.data).toMatchObject({ held: false })
    expect(run.closing.outcome).toBe('escalated')
  })

  test('never repeats an ineffective remedy for the same target, but continues with the next cause that holds', async () => {
    const run = await simulate(plan(), {}, { check: (name) => (name === 'other' ? things() : things(a)) })
    expect(run.drafts.map((draft) => draft.remedy)).toEqual(['mend', 'replace'])
    expect(run.closing.reason).toMatch(/applied before and did not help/)
  })

  test('is escalated when the evidence of a more fundamental cause is missing', async () => {
    const causes = plan().causes
    const broken = { ...causes[0]!, name: 'unseen', affects: expression('other.rows', ['other']) }
    const run = await simulate(
      plan({ causes: [broken, ...causes] }),
      {},
      {
        check: (name) => (name === 'other' ? { failed: 'connection refused' } : things(a)),
      },
    )
    expect(run.closing).toMatchObject({ outcome: 'escalated' })
    expect(run.closing.reason).toContain('unseen could not be ruled out')
    expect(run.effects).toEqual([])
    expect(run.escalations).toHaveLength(1)
  })

  test('that is escalated has a message with all values that are known, and names the missing check', async () => {
    const to = ['oncall']
    const count = expression('size(other.rows)', ['other'])
    const message = { text: ['of ', expression('size(bad.rows)', ['bad']), ' things ', count, ' are bad'] }
    const causes = [{ ...plan().causes[0]!, affects: expression('other.rows', ['other']) }]
    const run = await simulate(
      plan({ causes, escalate: { to, message } }),
      {},
      { check: (name) => (name === 'other' ? { failed: 'connection refused' } : things(a)) },
    )
    expect(run.escalations.map((one) => one.message)).toEqual(['of 1 things ? are bad (no result from other)'])
  })

  test('waits for a manual action until its timeout, asks in between, and then stops', async () => {
    const [action] = remedy('mend').actions
    const byHand = { ...action!, id: '0-manual', action: 'manual', timeoutMs: 48 * 3_600_000 }
    const mend = remedy('mend', { actions: [byHand] })
    let asked = 0
    const never: World = { check: () => things(a), effect: () => (asked++, 'waiting') }
    const remedies = { mend, replace: remedy('replace') }
    const run = await simulate(plan({ remedies, rounds: { ineffective: 1, total: 1 } }), {}, never)
    expect(run.closing.outcome).toBe('escalated')
    expect([asked, run.tookMs]).toEqual([25, 48 * 3_600_000])

    let calls = 0
    const late: World = { ...mendable(a), effect: () => (++calls < 3 ? 'waiting' : 'applied') }
    const done = await simulate(plan({ remedies }), {}, late)
    expect(done.closing.outcome).toBe('resolved')
    expect(done.effects).toHaveLength(1)
  })

  describe('looks again before it is escalated', () => {
    const looking = (change: Partial<Plan> = {}) =>
      plan({ rounds: { ineffective: 3, total: 10, again: { times: 2, everyMs: 15_000 } }, ...change })
    const withoutCause = {
      causes: [{ ...plan().causes[0]!, affects: expression('bad.rows.filter(r, r.n > 2)', ['bad']) }],
    }

    test('because no known cause holds, and treats what it finds then', async () => {
      const world: World = {
        check: (_, { now, applied }) => {
          if (applied.length > 0) return things()
          return now < 20_000 ? things(a) : things(a, b)
        },
      }
      const run = await simulate(looking(withoutCause), {}, world)
      expect(run.closing.outcome).toBe('resolved')
      expect(run.drafts).toMatchObject([{ round: 1, targets: [{ key: 'b' }] }])
      expect(run.events.filter(({ kind }) => kind === 'again').map(({ place }) => place)).toEqual([
        'r1/again/2',
        'r1/again/3',
      ])
    })

    test('as often as the runbook says, and the reason says so; a plan without it is escalated at once', async () => {
      const never: World = { check: () => things(a) }
      const run = await simulate(looking(withoutCause), {}, never)
      expect(run.closing).toMatchObject({
        outcome: 'escalated',
        reason: expect.stringContaining('no known cause holds, also after the checks ran again 2 times'),
      })
      expect(run.tookMs).toBe(30_000)
      const old = await simulate(plan(withoutCause), {}, never)
      expect([old.closing.outcome, old.tookMs]).toEqual(['escalated', 0])
    })

    test('when a check failed, and not when a remedy did not help', async () => {
      const failing: World = { check: (_, { now }) => (now < 10_000 ? { failed: 'a timeout' } : things()) }
      const run = await simulate(looking(), {}, failing)
      expect(run.closing).toMatchObject({ outcome: 'cleared', reason: expect.stringContaining('the symptom is gone') })

      const useless: World = { check: () => things(a) }
      const tried = await simulate(looking({ causes: [plan().causes[0]!] }), {}, useless)
      expect(tried.closing.outcome).toBe('escalated')
      expect(tried.events.filter(({ kind }) => kind === 'again')).toEqual([])
    })
  })

  test('does not ask again for a manual step that was reported as not done, and carries out nothing after it', async () => {
    const [action] = remedy('mend').actions
    const byHand = { ...action!, id: '0-manual', kind: 'manual', access: 'person' as const }
    const after = { ...action!, id: '1-sql.update' }
    const world: World = {
      check: () => things(a, b),
      effect: ({ kind, target }) => (kind === 'manual' && target === 'a' ? 'skipped' : 'refused'),
    }
    const each = await simulate(plan({ remedies: { mend: remedy('mend', { actions: [byHand, after] }) } }), {}, world)
    expect(each.effects.filter(({ target }) => target === 'a')).toMatchObject([
      { action: '0-manual', result: 'skipped' },
    ])
    expect(each.drafts[1]?.targets.map(({ key }) => key)).toEqual(['b'])

    const once = { ...byHand, once: true, with: {} }
    const only = remedy('mend', { actions: [once, after] })
    const declined: World = {
      check: () => things(a),
      effect: ({ kind }) => (kind === 'manual' ? 'skipped' : 'applied'),
    }
    const run = await simulate(plan({ causes: [plan().causes[0]!], remedies: { mend: only } }), {}, declined)
    expect(run.effects).toMatchObject([{ action: '0-manual', result: 'skipped' }])
    expect(run.drafts).toHaveLength(1)
    expect(run.closing).toMatchObject({
      outcome: 'escalated',
      reason: expect.stringMatching(/still holds, and a person reported a manual step of mend as not done/),
    })
  })

  test('whose "wait" times out keeps its applied effects, records why it stopped, and does not repeat the remedy', async () => {
    const [action] = remedy('mend').actions
    const { checks, everyMs, withinMs } = remedy('mend').verify
    const wait = { checks, until: expression('false'), everyMs, withinMs }
    const mend = remedy('mend', {
      actions: [
        { ...action!, wait },
        { ...action!, id: '1-sql.update' },
      ],
    })
    const run = await simulate(plan({ remedies: { mend, replace: remedy('replace') } }), {}, { check: () => things(a) })
    expect(run.drafts.map((draft) => draft.remedy)).toEqual(['mend', 'replace'])
    expect(run.effects.map((effect) => effect.action)).toEqual(['0-sql.update', '0-sql.update'])
    expect(run.events.filter(({ place }) => place.startsWith('r1/') && /waiting|stopped/.test(place))).toMatchObject([
      { place: 'r1/waiting/0-sql.update', data: { until: 'false', withinMs } },
      { place: 'r1/stopped', data: { reason: expect.stringContaining('timed out waiting after 0-sql.update') } },
    ])
  })

  test('continues despite a missing check if its cause says so', async () => {
    const causes = plan().causes
    const broken = { ...causes[0]!, name: 'unseen', affects: expression('other.rows', ['other']) }
    const run = await simulate(
      plan({ causes: [broken, { ...causes[0]!, despite: ['other'] }] }),
      {},
      {
        check: (name, { applied }) =>
          name === 'other' ? { failed: 'timeout' } : applied.length > 0 ? things() : things(a),
      },
    )
    expect(run.closing.outcome).toBe('resolved')
  })

  test('with an undetermined symptom evaluates its causes', async () => {
    const run = await simulate(
      plan({ symptom: expression('size(other.rows) > 0', ['other']) }),
      {},
      {
        check: (name) => (name === 'other' ? { failed: 'no route' } : things(a)),
        decide: () => ({ reject: true }),
      },
    )
    expect(run.drafts).toHaveLength(1)
    expect(run.closing.outcome).toBe('declined')
  })
})

describe('a gate', () => {
  test('that is rejected ends the incident, and nothing is applied', async () => {
    const run = await simulate(plan(), {}, { ...mendable(a), decide: () => ({ reject: true }) })
    expect(run.closing).toMatchObject({
      outcome: 'declined',
      reason: 'operator rejected the proposal. Nothing was applied',
    })
    expect(run.effects).toEqual([])
  })

  test('that is rejected with "next cause" opens the next round with the next cause', async () => {
    const run = await simulate(
      plan(),
      {},
      {
        check: (name, { applied }) => (name === 'other' || applied.length > 0 ? things() : things(a)),
        decide: (draft) => (draft.remedy === 'mend' ? { reject: true, nextCause: true } : { approve: 'all' }),
      },
    )
    expect(run.drafts.map((draft) => draft.remedy)).toEqual(['mend', 'replace'])
    expect(run.closing.outcome).toBe('resolved')
  })

  test('on which nobody decides is escalated once and then expires', async () => {
    const run = await simulate(plan(), {}, { ...mendable(a), decide: () => ({ silent: true }) })
    expect(run.closing).toMatchObject({ outcome: 'expired', reason: 'twice unanswered. Nothing was applied' })
    expect(run.tookMs).toBe(1_800_000)
    expect(run.escalations.map(({ kind, place, to }) => [kind, place, to])).toEqual([
      ['reminder', 'r1/gate/reminder', ['oncall']],
      [undefined, 'r1/gate', ['platform-support']],
      ['reminder', 'r1/gate/reminder2', ['oncall', 'platform-support']],
    ])
    expect(run.effects).toEqual([])
  })

  test.each([
    ['in the first half of its time sends no reminder', 449_000, 0],
    ['in the second half of its time sends one reminder', 451_000, 1],
  ])('that is decided %s', async (_, afterMs, reminders) => {
    const run = await simulate(plan(), {}, { ...mendable(a), decide: () => ({ approve: 'all', afterMs }) })
    expect(run.closing).toMatchObject({ outcome: 'resolved' })
    expect(run.escalations.map(({ kind }) => kind)).toEqual(Array.from({ length: reminders }, () => 'reminder'))
  })

  test('that is approved for a subset of the targets applies the remedy to that subset only', async () => {
    const run = await simulate(
      plan({ rounds: { ineffective: 3, total: 1 } }),
      {},
      { ...mendable(a, b), decide: () => ({ approve: ['b'] }) },
    )
    expect(run.effects.map((effect) => effect.target)).toEqual(['b'])
  })

  test('proposes at most "maxTargets" targets and says how many there are', async () => {
    const many = ['a', 'b', 'c', 'd', 'e'].map((id) => ({ id, n: 2 }))
    const run = await simulate(plan(), {}, { ...mendable(...many), decide: () => ({ reject: true }) })
    expect(run.drafts[0]!.targets.map((target) => target.key)).toEqual(['a', 'b', 'c'])
    expect(run.drafts[0]!.affected).toBe(5)
  })
})

describe('after the decision', () => {
  test('a target that no longer qualifies is skipped and recorded, and none is added', async () => {
    const run = await simulate(
      plan(),
      {},
      {
        check: (name, { place, applied }) => {
          if (name === 'other' || applied.length > 0) return things()
          return place.startsWith('r1/check') ? things(a, b) : things(b, { id: 'c', n: 9 })
        },
      },
    )
    expect(run.effects.map((effect) => effect.target)).toEqual(['b'])
    expect(run.events.find((event) => event.kind === 'recheck')?.data).toMatchObject({
      skipped: { a: 'no longer affected' },
      targets: ['b'],
    })
  })

  test('a target whose actions would be different now is skipped', async () => {
    const run = await simulate(
      plan(),
      {},
      {
        check: (name, { place, round }) => {
          if (name === 'other' || round > 1) return things()
          return place.startsWith('r1/check') ? things(a) : things({ ...a, n: 7 })
        },
      },
    )
    expect(run.effects).toEqual([])
    expect(JSON.stringify(run.events)).toContain('have changed since the approval')
  })

  test('if an action that is done once would be different now, nothing is done, and the reason names what differs', async () => {
    const size = { text: [expression('size(affects)', ['bad']), ' things'] }
    const [mend] = remedy('mend').actions
    const message = { ...mend!, id: '0-notify', kind: 'notify', access: 'message' as const, once: true }
    const announced = plan({
      remedies: {
        mend: remedy('mend', { actions: [{ ...message, with: { message: size } }, mend!] }),
        replace: remedy('replace'),
      },
    })
    const run = await simulate(
      announced,
      {},
      {
        check: (name, { place, round }) => {
          if (name === 'other' || round > 1) return things()
          return place.startsWith('r1/check') ? things(a) : things(a, b)
        },
      },
    )
    expect(run.effects).toEqual([])
    expect(run.events.find((event) => event.kind === 'recheck')?.data).toMatchObject({
      skipped: { a: '0-notify is done once for all targets, and would be different from what was approved: message' },
      targets: [],
    })
  })

  test('three refused targets in a row stop the remedy', async () => {
    const many = ['a', 'b', 'c', 'd', 'e'].map((id) => ({ id, n: 2 }))
    const limited = plan({
      remedies: { mend: remedy('mend', { limits: { maxTargets: 10 } }), replace: remedy('replace') },
      rounds: { ineffective: 1, total: 10 },
    })
    const run = await simulate(limited, {}, { ...mendable(...many), effect: () => 'refused' })
    expect(run.effects).toHaveLength(3)
    expect(run.closing.outcome).toBe('escalated')
  })

  test('an unknown effect escalates the incident', async () => {
    const run = await simulate(plan(), {}, { ...mendable(a), effect: () => 'unknown' })
    expect(run.closing).toMatchObject({ outcome: 'escalated' })
    expect(run.closing.reason).toContain('remedy outcome unknown for a')
  })

  test('an error in a value that concerns all targets ends in outcome failed, and people are notified', async () => {
    const broken = plan({
      remedies: {
        mend: remedy('mend', {
          actions: [{ ...remedy('mend').actions[0]!, once: true, with: { x: { expr: expression('nothing.here') } } }],
        }),
        replace: remedy('replace'),
      },
    })
    const run = await simulate(broken, {}, mendable(a))
    expect(run.closing.outcome).toBe('failed')
    expect(run.escalations).toMatchObject([{ place: 'r1/escalation', to: ['platform-support'] }])
    expect(run.closing.reason).toBe(`${run.escalations[0]!.reason}. Nothing was applied`)
  })
})

test('the message of an escalation after the last round is rendered from the last diagnosis', async () => {
  const run = await simulate(plan({ rounds: { ineffective: 1, total: 10 } }), {}, { check: () => things(a) })
  expect(run.closing.reason).toBe(
    '1 round did not help. What was done: mend was applied to 1 target, and its verification did not hold',
  )
  expect(run.escalations.at(-1)?.message).toBe('1 are bad')
})
