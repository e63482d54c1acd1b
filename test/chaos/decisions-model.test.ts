import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { GUARDS, openGateModel, type Guard } from './gate-model.ts'
import { sequence, setting, type Operation, type Setting } from './gate-operations.ts'
import { GateWitness } from './gate-witness.ts'
import { seedOf, times } from './profile.ts'

/** What the witness objects to in this sequence. */
function objection(set: Setting, operations: Operation[], without: Guard[] = []): string | undefined {
  const model = openGateModel(set, without)
  const witness = new GateWitness(set)
  for (const [number, operation] of operations.entries()) {
    const violation = witness.watch(operation, number, model.perform(operation, number))
    if (violation) return violation
  }
  return undefined
}

/** Nothing that is objected to; with `only`, nothing of that kind. */
const held = (without: Guard[] = [], only = /./) =>
  fc.property(setting, sequence(50), (set, operations) => {
    const violation = objection(set, operations, without)
    if (violation && only.test(violation)) throw new Error(violation)
  })

test('the model of a gate lets no effect through without a live quorum over this digest and target', () => {
  const all = { numRuns: times(20_000, 200_000), seed: seedOf('model of a gate') }
  expect(() => fc.assert(held(), all)).not.toThrow()
})

/** One guard is there twice: with the other in place, nothing gets so far. */
const COVERED: Partial<Record<Guard, { by: Guard; only: RegExp }>> = {
  'a permit needs an approved gate': {
    by: 'a permit is not taken on an approval that has lapsed',
    only: /while the gate is lapsed/,
  },
}

describe('without one of its guards the model is found out:', () => {
  test.each(GUARDS)('%s', (guard) => {
    const { by, only } = COVERED[guard] ?? {}
    const broken = held(by ? [guard, by] : [guard], only)
    const found = fc.check(broken, { numRuns: 20_000, seed: seedOf(guard), endOnFailure: true })
    expect(found.failed, 'the hole was not found').toBe(true)
    expect(String(found.errorInstance)).toMatch(/an effect on|approved by no quorum/)
  })
})
