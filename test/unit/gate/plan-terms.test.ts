import { describe, expect, test } from 'vitest'
import type { Proposal } from '../../../src/core/proposal.ts'
import { departsFromPlan } from '../../../src/gate/plan-terms.ts'
import { plan, remedy } from '../interpreter/plan-fixture.ts'

type Terms = Omit<Proposal, 'proposedAt' | 'expiresAt'>

const THINGS = plan()

/** The proposal that the plan of the fixture gives for one thing. */
function proposal(change: Partial<Terms> = {}): Terms {
  return {
    gate: 'INC-1.r1',
    incident: 'INC-1',
    round: 1,
    planDigest: 'd'.repeat(64),
    remedy: 'mend',
    title: 'Apply mend',
    risk: 'medium',
    cause: 'many-bad',
    because: '1 things are bad',
    actions: [
      {
        id: '0-sql.update',
        kind: 'sql.update',
        access: 'write',
        target: 'a',
        with: { connection: 'db', id: 'a', n: 2 },
        preview: { summary: '' },
      },
    ],
    targets: [{ key: 'a', item: { id: 'a', n: 2 } }],
    affected: 1,
    limits: { maxTargets: 3 },
    approval: {
      auto: false,
      by: ['oncall'],
      count: 1,
      excludeRequester: false,
      validForMs: 900_000,
      onTimeout: 'escalate',
      escalateTo: ['platform-support'],
      inPart: true,
    },
    ...change,
  }
}

const action = proposal().actions[0]!
const { approval } = proposal()

test('an action that belongs to one target of the plan departs from it with another target', () => {
  const [planned] = remedy('mend').actions
  const mend = remedy('mend', { actions: [{ ...planned!, target: 'b' }] })
  const ofOne = plan({ remedies: { mend } })
  const actions = [{ ...action, target: 'b' }]
  expect(departsFromPlan(ofOne, proposal({ actions }), false, undefined)).toBeUndefined()
  expect(departsFromPlan(ofOne, proposal(), false, undefined)).toContain('belongs to the target b, not to a')
})

test('a proposal that the plan comes to departs in nothing', () => {
  expect(departsFromPlan(THINGS, proposal(), false, undefined)).toBeUndefined()
})

test('the strength of each approval is the one that the plan demands', () => {
  const [planned] = Object.values(THINGS.remedies)
  const mend = { ...planned!, approval: { ...(planned!.approval as { auto: false }), strength: 'passkey' as const } }
  const strict = plan({ remedies: { mend: mend as typeof planned & {} } })
  expect(departsFromPlan(strict, proposal(), false, undefined)).toContain('the terms of the approval differ')
  const weaker = proposal({ approval: { ...approval, strength: 'signed' } })
  expect(departsFromPlan(strict, weaker, false, undefined)).toContain('the terms of the approval differ')
  const same = proposal({ approval: { ...approval, strength: 'passkey' } })
  expect(departsFromPlan(strict, same, false, undefined)).toBeUndefined()
  expect(departsFromPlan(THINGS, same, false, undefined)).toContain('the terms of the approval differ')
})

describe('a proposal departs from the plan', () => {
  test.each<[string, Partial<Terms>]>([
    ['with other approvers', { approval: { ...approval, by: ['interns'] } }],
    ['with more approvers', { approval: { ...approval, by: ['oncall', 'interns'] } }],
    ['with a smaller quorum', { approval: { ...approval, count: 0 } }],
    ['without an approval', { approval: { ...approval, auto: true, by: [] } }],
    ['with an approval that stays valid for longer', { approval: { ...approval, validForMs: 86_400_000 } }],
    ['with other people after an escalation', { approval: { ...approval, escalateTo: ['interns'] } }],
    ['that nobody answers in another way', { approval: { ...approval, onTimeout: 'reject' } }],
    ['with higher limits', { limits: { maxTargets: 100 } }],
    ['with more targets than allowed', { targets: ['a', 'b', 'c', 'd'].map((key) => ({ key, item: null })) }],
    ['with a lower risk', { risk: 'low' }],
    ['with another title', { title: 'Nothing much' }],
    ['with a remedy that is not in the plan', { remedy: 'drop-everything' }],
    ['with a remedy that is a property of every object', { remedy: 'constructor' }],
    ['with a remedy of another cause', { cause: 'any-bad' }],
    ['with another action', { actions: [{ ...action, id: '1-sql.update' }] }],
    ['with an action of another kind', { actions: [{ ...action, kind: 'process.run' }] }],
    ['with a write that calls itself a message', { actions: [{ ...action, access: 'message' }] }],
    ['with another connection', { actions: [{ ...action, with: { ...action.with, connection: 'salaries' } }] }],
    ['with a parameter more', { actions: [{ ...action, with: { ...action.with, table: 'salaries' } }] }],
    ['with a parameter less', { actions: [{ ...action, with: { connection: 'db', id: 'a' } }] }],
  ])('%s', (_, change) => {
    expect(departsFromPlan(THINGS, proposal(change), false, undefined)).toEqual(expect.any(String))
  })

  test('where the requester may approve a high risk, or the configuration forbids it', () => {
    const risky = plan({ remedies: { mend: remedy('mend', { risk: 'high' }) } })
    expect(departsFromPlan(risky, proposal({ risk: 'high' }), false, undefined)).toMatch(/requester/)
    expect(departsFromPlan(THINGS, proposal(), true, undefined)).toMatch(/requester/)
    const excluded = { approval: { ...approval, excludeRequester: true } }
    expect(departsFromPlan(risky, proposal({ risk: 'high', ...excluded }), true, undefined)).toBeUndefined()
  })

  test('in the literal parts of a parameter that holds expressions, and in its shape', () => {
    const map = {
      map: { id: { expr: { cel: 'thing.id', checks: [], grows: [], shrinks: [] } }, state: { lit: 'bad' } },
    }
    const mend = remedy('mend')
    mend.actions[0]!.with = { connection: { lit: 'db' }, where: map }
    const guarded = plan({ remedies: { mend } })
    const where = (value: object) =>
      departsFromPlan(
        guarded,
        proposal({ actions: [{ ...action, with: { connection: 'db', where: value as never } }] }),
        false,
        undefined,
      )
    expect(where({ id: 'a', state: 'bad' })).toBeUndefined()
    expect(where({ id: 'a', state: 'good' })).toMatch(/where/)
    expect(where({ id: 'a' })).toMatch(/where/)
    expect(where({ id: 'a', state: 'bad', more: 1 })).toMatch(/where/)
    expect(where([])).toMatch(/where/)
  })
})

test('what the configuration does not allow without an approval is decided by those who are notified', () => {
  const auto = plan({ remedies: { mend: remedy('mend', { approval: { auto: true } }) } })
  const by = (names: string[]) => proposal({ approval: { ...approval, by: names, onTimeout: 'reject', validForMs: 1 } })
  expect(departsFromPlan(auto, by(['platform-support']), false, undefined)).toBeUndefined()
  expect(departsFromPlan(auto, by(['interns']), false, undefined)).toMatch(/decide/)
  expect(
    departsFromPlan(auto, proposal({ approval: { ...approval, auto: true, by: [] } }), false, undefined),
  ).toBeUndefined()
})
