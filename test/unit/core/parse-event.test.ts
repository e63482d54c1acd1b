import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { canonical } from '../../../src/core/canonical.ts'
import type { NewEvent } from '../../../src/core/events.ts'
import { parseEvent } from '../../../src/core/parse-event.ts'

const permit: NewEvent<'permit'> = {
  place: 'r1/permit/a',
  actor: 'engine',
  kind: 'permit',
  data: { gate: 'INC-1.r1', target: 'a', lease: 'run/a', fence: 3 },
}

describe('the body of a stored event', () => {
  test('is parsed into its kind, its data, its actor and its place', () => {
    expect(parseEvent(canonical(permit))).toEqual(permit)
    const { place: _, ...withoutPlace } = permit
    expect(parseEvent(canonical(withoutPlace))).toEqual({ ...permit, place: null })
  })

  test('may have fields that a newer version added', () => {
    const newer = { ...permit, data: { ...permit.data, region: 'eu' } }
    expect(parseEvent(canonical(newer))).toEqual(newer)
  })

  test('of a kind that a newer version added is kept with its data', () => {
    expect(parseEvent('{"actor":"engine","data":{"a":1},"kind":"constructor","place":"x"}')).toEqual({
      actor: 'engine',
      place: 'x',
      kind: 'unreadable',
      recordedKind: 'constructor',
      reason: 'unknown kind',
      data: { a: 1 },
    })
  })

  test.each([
    ['a missing field', { gate: 'INC-1.r1', target: 'a', lease: 'l' }],
    ['a field of another type', { ...permit.data, fence: '3' }],
    ['an inherited field', { ...permit.data, fence: undefined, __proto__: { fence: 3 } }],
  ])('with %s is malformed, and keeps its data', (_, data) => {
    const parsed = parseEvent(JSON.stringify({ ...permit, data }))
    expect(parsed).toMatchObject({ kind: 'unreadable', recordedKind: 'permit', reason: 'malformed' })
    expect(parsed.data).toEqual(JSON.parse(JSON.stringify(data)))
  })

  test('that is no event at all is kept as text, of bounded length', () => {
    for (const body of ['spoilt', 'null', '[]', '{}', '{"data":7}', `"${'x'.repeat(9_000)}"`])
      expect(parseEvent(body)).toMatchObject({
        kind: 'unreadable',
        reason: 'not an event',
        data: { body: body.slice(0, 1_000) },
      })
  })

  test('never makes the parser throw', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), fc.json(), (text, data) => {
        expect(parseEvent(text).kind).toBeTypeOf('string')
        expect(parseEvent(`{"kind":"findings","data":${data}}`).kind).toBeTypeOf('string')
      }),
    )
  })
})
