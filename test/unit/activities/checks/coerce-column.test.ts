import { expect, test } from 'vitest'
import { coerceColumn } from '../../../../activities/checks/coerce-column.ts'
import type { Type } from '../../../../src/core/plan.ts'

const OID = { text: 25, jsonb: 3802, intArray: 1007, textArray: 1009, boxArray: 1020, uuidArray: 2951 }
const strings: Type = { list: { nullable: 'string' } }
const coerce = (text: string, type: Type, oid = OID.textArray) => coerceColumn('c', text, type, oid)

test.each([
  ['an empty array', '{}', []],
  [
    'quoted elements',
    String.raw`{"a,b","say \"hi\"","back\\slash","{braces}",""}`,
    ['a,b', 'say "hi"', 'back\\slash', '{braces}', ''],
  ],
  ['NULL, and the text "NULL"', '{NULL,"NULL",null}', [null, 'NULL', 'null']],
  ['elements with spaces and line ends', '{"a b","two\nlines"}', ['a b', 'two\nlines']],
  ['another lower bound', '[0:1]={x,y}', ['x', 'y']],
])('an array with %s is the list of its elements', (_, text, expected) => {
  expect(coerce(text, strings)).toEqual(expected)
  expect(coerce(text, 'dyn')).toEqual(expected)
})

test('a nested array is a list of lists, with and without lower bounds', () => {
  const lists: Type = { list: { list: { nullable: 'int' } } }
  for (const text of ['{{1,2},{3,NULL}}', '[1:2][-1:0]={{1,2},{3,NULL}}']) {
    expect(coerce(text, lists, OID.intArray)).toEqual([
      [1, 2],
      [3, null],
    ])
    expect(coerce(text, 'dyn', OID.intArray)).toEqual([
      [1, 2],
      [3, null],
    ])
  }
  expect(coerce('[[1, 2], [3, null]]', lists, OID.jsonb)).toEqual([
    [1, 2],
    [3, null],
  ])
})

test('a nested array in a column declared as a flat list is an error', () => {
  expect(() => coerce('{{1,2}}', { list: 'int' }, OID.intArray)).toThrow('column c contains lists')
})

test('an array with another delimiter than a comma is an error, not a wrong list', () => {
  const boxes = '{(1,1),(0,0);(2,2),(1,1)}'
  expect(() => coerce(boxes, { list: 'string' }, OID.boxArray)).toThrow('cast it to ::text[]')
  expect(coerce(boxes, 'dyn', OID.boxArray)).toBe(boxes)
})

test.each(['{"a}', '{"a\\"}', '{"', '{"a"b}', '{a}}', 'a,b', '[0:1]{a}'])(
  'text that is no array (%s) is not a list',
  (text) => {
    expect(() => coerce(text, { list: 'string' }, OID.text)).toThrow('not a list(string)')
  },
)

test('a long array of quoted elements is read in linear time', () => {
  const text = `{${Array.from({ length: 20_000 }, (_, i) => `"item \\"${i}\\""`).join(',')}}`
  expect(coerce(text, { list: 'string' })).toHaveLength(20_000)
})
