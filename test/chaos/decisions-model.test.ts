import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { GUARDS, openGateModel, type Guard } from './gate-model.ts'
import { sequence, settings, type Operation, type GateSettings } from './gate-operations.ts'
import { GateInvariants } from './gate-invariants.ts'
import { seedOf, byProfile } from './profile.ts'

/** The first violated promise in this sequence of operations. */
function firstViolation(
  gateSettings: GateSettings,
  operations: Operation[],
  without: Guard[] = [],
): string | undefined {
  const model = openGateModel(gateSettings, without)
  const invariants = new GateInvariants(gateSettings)
  for (const [number, operation] of operations.entries()) {
    const violation = invariants.check(operation, number, model.perform(operation, number))
    if (violation) return violation
  }
  return undefined
}

/** The property that no sequence violates a promise. With `only`, violations with another description are ignored. */
const noViolation = (without: Guard[] = [], only = /./) =>
  fc.property(settings, sequence(50), (gateSettings, operations) => {
    const violation = firstViolation(gateSettings, operations, without)
    if (violation && only.test(violation)) throw new Error(violation)
  })

test('the model of a gate allows no effect without a valid quorum for this digest and target', () => {
  const all = { numRuns: byProfile(20_000, 200_000), seed: seedOf('model of a gate') }
  expect(() => fc.assert(noViolation(), all)).not.toThrow()
})

/** A guard that is redundant while another one is enabled. The test disables both. */
const REDUNDANT: Partial<Record<Guard, { by: Guard; only: RegExp }>> = {
  'a permit needs an approved gate': {
    by: 'a permit is refused on a lapsed approval',
    only: /while the gate is lapsed/,
  },
}

describe('a violation is found if this guard of the model is disabled:', () => {
  test.each(GUARDS)('%s', (guard) => {
    const { by, only } = REDUNDANT[guard] ?? {}
    const broken = noViolation(by ? [guard, by] : [guard], only)
    const found = fc.check(broken, { numRuns: 20_000, seed: seedOf(guard), endOnFailure: true })
    expect(found.failed, 'no violation was found').toBe(true)
    expect(String(found.errorInstance)).toMatch(/an effect on|approved without a quorum/)
  })
})
