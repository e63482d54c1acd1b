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
  test('are those with enough distinct approvals or one break-glass approval, regardless of other decisions and of the order', () => {
    fc.assert(
      fc.property(decisions, fc.integer({ min: 1, max: 3 }), (votes, count) => {
        const approved = approvedTargets(proposal(count), votes)
        for (const key of ['a', 'b', 'c']) {
          const approvals = votes.filter((one) => one.decision === 'approve' && (one.targets?.includes(key) ?? true))
          const people = ['x', 'y', 'z'].filter((person) => approvals.some((one) => one.person === person))
          const alone = approvals.some((one) => one.breakGlass !== null)
          expect(approved.includes(key)).toBe(people.length >= count || alone)
        }
        expect(approved).not.toContain('unknown')
        expect(approvedTargets(proposal(count), [...votes].reverse())).toEqual(approved)
      }),
    )
  })

  test('without approvals are empty, even if a proposal requires zero approvals', () => {
    expect(approvedTargets(proposal(0), [])).toEqual([])
  })
})
