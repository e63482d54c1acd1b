import { expect, test } from 'vitest'
import type { Plan } from '../../../src/core/plan.ts'
import { listOf, samePlan, scopeOf, withName } from '../../../src/interpreter/scope.ts'
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
