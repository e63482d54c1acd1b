import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Proposal } from '../../../src/core/proposal.ts'
import { approvedTargets } from '../../../src/gate/gates.ts'

const proposal = (count: number) =>
  ({ targets: ['a', 'b', 'c'].map((key) => ({ key, item: null })), approval: { count } }) as unknown as Proposal

const decisions = fc.array(
  fc.record({
    person: fc.constantFrom('x', 'y', 'z'),
    decision: fc.constantFrom('approve' as const, 'reject' as const),
    targets: fc.option(fc.subarray(['a', 'b', 'c', 'unknown'])),
    breakGlass: fc.option(fc.constant('it cannot wait'), { freq: 4 }),
  }),
)

describe('approved targets', () => {
  test('are those that enough distinct people approve, or one who breaks the glass, whatever else was said and in whatever order', () => {
    fc.assert(
      fc.property(decisions, fc.integer({ min: 1, max: 3 }), (said, count) => {
        const approved = approvedTargets(proposal(count), said)
        for (const key of ['a', 'b', 'c']) {
          const given = said.filter((one) => one.decision === 'approve' && (one.targets?.includes(key) ?? true))
          const people = ['x', 'y', 'z'].filter((person) => given.some((one) => one.person === person))
          const alone = given.some((one) => one.breakGlass !== null)
          expect(approved.includes(key)).toBe(people.length >= count || alone)
        }
        expect(approved).not.toContain('unknown')
        expect(approvedTargets(proposal(count), [...said].reverse())).toEqual(approved)
      }),
    )
  })

  test('are never those that nobody approves, should a proposal ask for nobody', () => {
    expect(approvedTargets(proposal(0), [])).toEqual([])
  })
})
