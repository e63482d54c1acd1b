import { expect, test } from 'vitest'
import { csvText } from '../../../src/core/csv.ts'

test('cells are separated by commas, and quoted where they contain a comma, a quote or a line break', () => {
  expect(
    csvText(
      ['a', 'b'],
      [
        ['x,y', 'say "no"\nthen'],
        [null, 7],
      ],
    ),
  ).toBe('a,b\r\n"x,y","say ""no""\nthen"\r\n,7\r\n')
})

test.each(['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '\r=1', "=cmd|' /C calc'!A0"])(
  'a text that a spreadsheet could take for a formula begins with an apostrophe: %j',
  (cell) => {
    const written = csvText(['a'], [[cell]]).slice('a\r\n'.length)
    expect(written.replace(/^"/, '')).toMatch(/^'/)
  },
)

test('the name of a column is made harmless too, and a negative number stays a number', () => {
  expect(csvText(['=a'], [[-5]])).toBe("'=a\r\n-5\r\n")
})
