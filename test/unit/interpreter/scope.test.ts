import { expect, test } from 'vitest'
import type { Plan } from '../../../src/core/plan.ts'
import { listOf, samePlan, scopeOf, withName } from '../../../src/interpreter/scope.ts'
import { plan } from './plan-fixture.ts'

const fromJson = (given: Plan) => samePlan(JSON.parse(JSON.stringify(given)) as Plan)

test('plans of the same content are one object, and so are the types of their scopes', () => {
  const [one, other] = [fromJson(plan()), fromJson(plan())]
  expect(other).toBe(one)
  expect(scopeOf(other, { a: 2 }).types).toBe(scopeOf(one, { a: 1 }).types)
  const named = [one, other].map((of) => withName(scopeOf(of, {}), 'affects', [], listOf('string')))
  expect(named[1]!.types).toBe(named[0]!.types)
})

test('a plan that differs anywhere is another one', () => {
  expect(fromJson({ ...plan(), title: 'Another' })).not.toBe(fromJson(plan()))
  expect(fromJson({ ...plan(), title: 'Another' }).title).toBe('Another')
})
