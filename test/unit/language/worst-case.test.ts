import { expect, test } from 'vitest'
import type { PlanAction } from '../../../src/core/plan.ts'
import { MAX_EVENTS, worstCaseEvents } from '../../../src/language/compile/worst-case.ts'
import { plan, remedy } from '../interpreter/plan-fixture.ts'

const HOUR = 3_600_000
const byHand = (timeoutMs: number): PlanAction => ({
  id: '0-manual',
  kind: 'manual',
  access: 'person',
  with: {},
  once: false,
  timeoutMs,
})
const events = (maxTargets: number, ...actions: PlanAction[]) =>
  worstCaseEvents(plan({ remedies: { mend: remedy('mend', { actions, limits: { maxTargets } }) } }))

test('what a person is waited for counts by how often it is looked, which has a bound', () => {
  expect(events(1, byHand(4 * HOUR))).toBeGreaterThan(events(1, byHand(HOUR)))
  expect(events(1, byHand(30 * 24 * HOUR))).toBe(events(1, byHand(4 * HOUR)))
  expect(events(1, byHand(30 * 24 * HOUR))).toBeLessThan(MAX_EVENTS)
  expect(events(20, byHand(4 * HOUR))).toBeGreaterThan(MAX_EVENTS)
})
