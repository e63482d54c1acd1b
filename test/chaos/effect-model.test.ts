import { describe, expect, test } from 'vitest'
import { EFFECT_GUARDS, findFault } from './effect-model.ts'

test('in no order of steps, deaths and stops is an effect there twice, late, or other than it is recorded', () => {
  expect(findFault()).toBeUndefined()
})

describe('without one of its guards there is an order in which it is:', () => {
  test.each(EFFECT_GUARDS)('%s', (guard) => {
    expect(findFault([guard])).toBeDefined()
  })
})
