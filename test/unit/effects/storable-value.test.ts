import { expect, test } from 'vitest'
import { storableObject, storableText } from '../../../src/effects/storable-value.ts'

test('a text that no database takes is made one that it does', () => {
  expect(storableText('a\0b\ud800c\udc00d\u{1F600}')).toBe('a\uFFFDb\uFFFDc\uFFFDd\u{1F600}')
})

test('an endless text is cut', () => {
  expect(storableText('x'.repeat(100_000)).length).toBeLessThan(5_000)
})

test('texts are made storable at any depth, names included, and nothing else changes', () => {
  expect(storableObject({ 'a\0': [{ b: '\0' }, 1, null, true] })).toEqual({
    'a\uFFFD': [{ b: '\uFFFD' }, 1, null, true],
  })
})
