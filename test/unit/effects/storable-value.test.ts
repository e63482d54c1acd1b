import { expect, test } from 'vitest'
import { storableObject, storableText } from '../../../src/effects/storable-value.ts'

test('characters that PostgreSQL cannot store are replaced', () => {
  expect(storableText('a\0b\ud800c\udc00d\u{1F600}')).toBe('a\uFFFDb\uFFFDc\uFFFDd\u{1F600}')
})

test('a very long text is truncated', () => {
  expect(storableText('x'.repeat(100_000)).length).toBeLessThan(5_000)
})

test('strings are made storable at any depth, including property names, and nothing else changes', () => {
  expect(storableObject({ 'a\0': [{ b: '\0' }, 1, null, true] })).toEqual({
    'a\uFFFD': [{ b: '\uFFFD' }, 1, null, true],
  })
})
