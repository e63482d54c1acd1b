import { expect, test } from 'vitest'
import { cut, line, table, wrap } from '../../../../src/cli/render/layout.ts'

const bold = (text: string) => `<${text}>`

test('a style does not count for the width, and ends where the text is cut', () => {
  expect(line(8, 'ab ', ['cdefgh', bold], 'ij')).toBe('ab <cdef…>')
})

test('wide characters take two columns', () => {
  expect(cut('日本語', 5)).toBe('日本…')
  expect(cut('日本語', 6)).toBe('日本語')
})

test('what is shown as one character is never split', () => {
  expect(cut('👍🏽👍🏽👍🏽', 5)).toBe('👍🏽👍🏽…')
  expect(wrap('🇩🇪🇩🇪🇩🇪', 4)).toEqual(['🇩🇪🇩🇪', '🇩🇪'])
  expect(wrap('e\u0301e\u0301e\u0301', 2)).toEqual(['e\u0301e\u0301', 'e\u0301'])
})

test('cutting to no columns leaves nothing', () => expect(cut('abc', 0)).toBe(''))

test('a character at the end of a piece of the text that is segmented is not split', () => {
  for (const length of [997, 998, 999, 1_000]) {
    const text = `${'x'.repeat(length)}🇩🇪🇩🇪`
    expect(wrap(text, length)).toEqual(['x'.repeat(length), '🇩🇪🇩🇪'])
  }
})

test('the time to wrap one long word grows with its length, not with the square of it', () => {
  const once = (length: number) => {
    const started = performance.now()
    expect(wrap('é'.repeat(length), 80)).toHaveLength(length / 80)
    return performance.now() - started
  }
  // The best of three: another process may take the processor in one of them.
  const timeOf = (length: number) => Math.min(once(length), once(length), once(length))
  timeOf(800)
  expect(timeOf(64_000)).toBeLessThan(40 * timeOf(8_000))
})

test('words are kept together, and a word longer than a line is broken', () => {
  expect(wrap('one two three', 7)).toEqual(['one two', 'three'])
  expect(wrap('abcdefgh', 3)).toEqual(['abc', 'def', 'gh'])
})

test('lines beyond the limit are left out, and the last one ends in an ellipsis', () => {
  expect(wrap('one two three four', 5, 2)).toEqual(['one', 'two…'])
})

test('columns are as wide as their widest cell', () => {
  expect(
    table(
      ['ID', 'KEY'],
      [
        ['INC-1', 'a'],
        ['INC-20', 'b'],
      ],
      80,
      bold,
    ),
  ).toEqual(['<ID      KEY>', 'INC-1   a', 'INC-20  b'])
})
