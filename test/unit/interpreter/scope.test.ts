import { expect, test } from 'vitest'
import type { Plan } from '../../../src/core/plan.ts'
import { listOf, samePlan, scopeOf, withEvidence, withName } from '../../../src/interpreter/scope.ts'
import { plan } from './plan-fixture.ts'

const copyOf = (original: Plan) => samePlan(JSON.parse(JSON.stringify(original)) as Plan)

test('plans with the same content become one object, and so do the types of their scopes', () => {
  const [one, other] = [copyOf(plan()), copyOf(plan())]
  expect(other).toBe(one)
  expect(scopeOf(other, { a: 2 }).types).toBe(scopeOf(one, { a: 1 }).types)
  const named = [one, other].map((of) => withName(scopeOf(of, {}), 'affects', [], listOf('string')))
  expect(named[1]!.types).toBe(named[0]!.types)
})

test('plans that differ anywhere stay different objects', () => {
  expect(copyOf({ ...plan(), title: 'Another' })).not.toBe(copyOf(plan()))
  expect(copyOf({ ...plan(), title: 'Another' }).title).toBe('Another')
})

test.each([
  [{ outdated: 1 }, false, 'failed'],
  [{ outdated: 1 }, true, 'failed'],
  [{ outdated: 0 }, false, 'ok'],
  [{ outdated: 0 }, true, 'truncated'],
  [{}, false, 'ok'],
])('a check whose result is %j (truncated: %s) is %s for expressions', (more, truncated, state) => {
  const [check] = plan().checks
  const result = { rows: [], truncated, ...more }
  const evidence = {
    place: 'r1/check/x',
    name: check!.name,
    kind: 'metrics.scrape',
    status: 'ok' as const,
    truncated,
    result,
  }
  const found = { ...evidence, ref: 'r', startedAt: '', durationMs: 1 }
  expect(withEvidence(scopeOf(plan(), {}), [check!], [found]).states[check!.name]).toBe(state)
})
