import { describe, expect, test } from 'vitest'
import { EFFECT_GUARDS, findViolation } from './effect-model.ts'

test('no order of steps, crashes and pauses applies an effect twice, too late, or differently from its record', () => {
  expect(findViolation()).toBeUndefined()
})

describe('a violation is found if this guard is disabled:', () => {
  test.each(EFFECT_GUARDS)('%s', (guard) => {
    expect(findViolation([guard])).toBeDefined()
  })
})
