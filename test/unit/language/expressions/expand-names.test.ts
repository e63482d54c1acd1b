import { describe, expect, test } from 'vitest'
import { expandNames, type Definition } from '../../../../src/language/expressions/expand-names.ts'

const definition = (cel: string, ...reads: string[]): Definition => ({ cel, reads: new Set(reads) })
const NAMES = new Map([
  ['late', definition("jobs.rows.filter(j, j.state == 'late')", 'jobs')],
  ['few', definition('size(jobs.rows) < 3', 'jobs')],
])

describe('names of let in an expression', () => {
  test.each([
    ['few', '(size(jobs.rows) < 3)'],
    ['!few || x', '!(size(jobs.rows) < 3) || x'],
    ['late.map(l, l.id)', "(jobs.rows.filter(j, j.state == 'late')).map(l, l.id)"],
    [
      'rows.exists(r, late.exists(j, j.id == r.id))',
      "rows.exists(r, (jobs.rows.filter(j, j.state == 'late')).exists(j, j.id == r.id))",
    ],
    [
      'few ? late : [few]',
      "(size(jobs.rows) < 3) ? (jobs.rows.filter(j, j.state == 'late')) : [(size(jobs.rows) < 3)]",
    ],
    ['{"few": few}.few', '{"few": (size(jobs.rows) < 3)}.few'],
  ])('%s is written out', (cel, wanted) => {
    expect(expandNames(cel, NAMES).cel).toBe(wanted)
  })

  test.each(['x.few', "'few'", 'rows.filter(few, few.id == 1)', 'has(x.late)', 'few(', ''])(
    '%s stays as it is',
    (cel) => {
      expect(expandNames(cel, NAMES)).toMatchObject({ cel, used: [] })
    },
  )

  test('are not written out where the item of a loop has the name of what they read', () => {
    const { captured } = expandNames('rows.all(jobs, late.exists(j, j.id == jobs.id))', NAMES)
    expect(captured).toEqual([{ name: 'late', local: 'jobs', start: 15, end: 19 }])
    expect(expandNames('rows.all(j, late.exists(k, k.id == j.id))', NAMES).captured).toEqual([])
  })

  test('count as what they read', () => {
    expect([...expandNames('few && queue.paused', NAMES).reads].toSorted()).toEqual(['jobs', 'queue'])
  })
})

test('every place of the written-out expression is found in the original one', () => {
  const cel = 'a && few || late == b'
  const { cel: text, origin } = expandNames(cel, NAMES)
  const placeOf = (part: string, from = 0) => {
    const at = text.indexOf(part, from)
    return origin(at, at + part.length)
  }
  const original = (part: string) => ({ start: cel.indexOf(part), end: cel.indexOf(part) + part.length })
  expect(placeOf('a')).toEqual(original('a'))
  expect(placeOf('rows) < 3')).toEqual({ ...original('few'), name: 'few' })
  expect(placeOf("j.state == 'late'")).toEqual({ ...original('late'), name: 'late' })
  expect(placeOf('b', text.length - 1)).toEqual({ start: cel.length - 1, end: cel.length })
  expect(origin(0, text.length)).toEqual({ start: 0, end: cel.length })
  expect(placeOf('||')).toEqual(original('||'))
  expect(placeOf('a && (size')).toEqual({ start: 0, end: 8 })
})
