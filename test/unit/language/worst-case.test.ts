import { expect, test } from 'vitest'
import type { PlanAction } from '../../../src/core/plan.ts'
import { MAX_EVENTS, worstCaseEvents } from '../../../src/language/compile/worst-case.ts'
import { plan, remedy } from '../interpreter/plan-fixture.ts'

const HOUR = 3_600_000
const manualStep = (timeoutMs: number): PlanAction => ({
  id: '0-manual',
  kind: 'manual',
  access: 'person',
  with: {},
  once: false,
  timeoutMs,
})
const events = (maxTargets: number, ...actions: PlanAction[]) =>
  worstCaseEvents(plan({ remedies: { mend: remedy('mend', { actions, limits: { maxTargets } }) } }))

test('a manual step counts by how often it is polled, which is bounded', () => {
  expect(events(1, manualStep(4 * HOUR))).toBeGreaterThan(events(1, manualStep(HOUR)))
  expect(events(1, manualStep(30 * 24 * HOUR))).toBe(events(1, manualStep(4 * HOUR)))
  expect(events(1, manualStep(30 * 24 * HOUR))).toBeLessThan(MAX_EVENTS)
  expect(events(20, manualStep(4 * HOUR))).toBeGreaterThan(MAX_EVENTS)
})
