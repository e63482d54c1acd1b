import { expect, test } from 'vitest'
import { defined } from '../../../src/core/defined.ts'

test('omits undefined properties; keeps null, false, 0 and the empty string', () => {
  const given: { a?: string | undefined; b: null; c: boolean; d: number; e: string } = {
    a: undefined,
    b: null,
    c: false,
    d: 0,
    e: '',
  }
  expect(Object.keys(defined(given))).toEqual(['b', 'c', 'd', 'e'])
  const optional: { a?: string; b: null } = defined(given)
  expect('a' in optional).toBe(false)
})
