import { describe, expect, test } from 'vitest'
import { findViolation, FREEZE_GUARDS } from './freeze-model.ts'

test('in no order of steps is a permit granted after a freeze has returned, except to a session that the freeze named', () => {
  expect(findViolation()).toBeUndefined()
})

describe('a violation is found if this guard is disabled:', () => {
  test.each(FREEZE_GUARDS)('%s', (guard) => {
    expect(findViolation([guard])).toMatch(/got a permit after the freeze had returned/)
  })
})
