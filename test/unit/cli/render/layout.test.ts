import { expect, test } from 'vitest'
import { cut, displayWidth, line, table, wrap } from '../../../../src/cli/render/layout.ts'

const bold = (text: string) => `<${text}>`

test('a style does not count for the width, and is closed where the text is cut', () => {
  expect(line(8, 'ab ', ['cdefgh', bold], 'ij')).toBe('ab <cdef…>')
})

test('wide characters take two columns', () => {
  expect(displayWidth('日本')).toBe(4)
  expect(cut('日本語', 5)).toBe('日本…')
})

test('words are kept together, and a word longer than the line is broken', () => {
  expect(wrap('one two three', 7)).toEqual(['one two', 'three'])
  expect(wrap('abcdefgh', 3)).toEqual(['abc', 'def', 'gh'])
})

test('lines beyond the most are left out, which is said', () => {
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
