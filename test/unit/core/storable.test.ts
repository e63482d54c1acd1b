import { expect, test } from 'vitest'
import { cutText, isStorable, toStorable } from '../../../src/core/storable.ts'

test.each(['a\0b', '\ud83d', '\ude00', 'a\ud83d b', '\ude00\ud83d'])(
  'the text %j would not be read as it was stored: it is refused, or made one that is',
  (text) => {
    expect(isStorable(text)).toBe(false)
    const made = toStorable(text)
    expect(isStorable(made)).toBe(true)
    expect(made).toHaveLength(text.length)
  },
)

test('every other text is stored unchanged', () => {
  const text = 'ünï “€” \u{1F600}\n\u202e\uFFFD'
  expect(isStorable(text)).toBe(true)
  expect(toStorable(text)).toBe(text)
})

test('a text is cut before a surrogate pair, not inside it', () => {
  expect(cutText('ab\u{1F600}', 3)).toBe('ab')
  expect(cutText('ab\u{1F600}', 4)).toBe('ab\u{1F600}')
})
