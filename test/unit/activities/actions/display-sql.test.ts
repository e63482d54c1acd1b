import { expect, test } from 'vitest'
import { displaySql, withUsedValues } from '../../../../activities/actions/display-sql.ts'

test('a displayed statement is one line with its values, without comments, and with its quoted texts unchanged', () => {
  const sql = `UPDATE runs -- all of them?
    SET note = 'a  -- b; $1', "odd name" = $2 /* why */
    WHERE id = $1;
  `
  expect(displaySql(sql, [`o'1`, null])).toBe(
    `UPDATE runs SET note = 'a  -- b; $1', "odd name" = NULL WHERE id = 'o''1'`,
  )
  expect(displaySql('SELECT $1, $2, $3, $10', [1, true, ['a']])).toBe(`SELECT 1, true, '["a"]', NULL`)
})

test('no invisible or bidi character in a value or a quoted text is displayed as it is', () => {
  expect(displaySql(`SELECT $1, 'x\u202e'`, ['a\n\u001b[31m\u202eb'])).toBe(
    `SELECT 'a\\u{a}\\u{1b}[31m\\u{202e}b', 'x\\u{202e}'`,
  )
})

test('a statement is sent with only the values that it uses, renumbered', () => {
  const values = ['a', { k: 1 }, ['x'], null]
  expect(withUsedValues(`SELECT '$9', $3, $1, $3 -- $2\n;`, values)).toEqual({
    text: `SELECT '$9', $1, $2, $1 -- $2`,
    values: [['x'], 'a'],
  })
  expect(withUsedValues('SELECT $2::jsonb, $4', values)).toEqual({
    text: 'SELECT $1::jsonb, $2',
    values: ['{"k":1}', null],
  })
  expect(withUsedValues('SELECT 1', [])).toEqual({ text: 'SELECT 1', values: [] })
})
