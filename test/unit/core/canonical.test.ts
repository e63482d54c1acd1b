import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { canonical, digest, sha256Hex } from '../../../src/core/canonical.ts'
import { effectKey } from '../../../src/core/effect.ts'
import type { Json } from '../../../src/core/json.ts'

const json = fc.jsonValue({ maxDepth: 4 }) as fc.Arbitrary<Json>

/** The same value, with the keys of every object in another order. */
function shuffled(value: Json): Json {
  if (Array.isArray(value)) return value.map(shuffled)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, item]) => [key, shuffled(item)]),
  )
}

describe('canonical JSON', () => {
  test('is the same text for the same value in any order of keys, and parses to that value', () => {
    fc.assert(
      fc.property(json, (value) => {
        expect(canonical(shuffled(value))).toBe(canonical(value))
        expect(canonical(JSON.parse(canonical(value)) as Json)).toBe(canonical(value))
      }),
    )
  })

  test('has another digest if one field differs', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), json, { minKeys: 1 }), fc.nat(), (value, n) => {
        const keys = Object.keys(value)
        const key = keys[n % keys.length]!
        expect(digest({ ...value, [key]: [value[key]!] })).not.toBe(digest(value))
        const { [key]: _, ...less } = value
        expect(digest(less)).not.toBe(digest(value))
      }),
    )
  })

  test('is RFC 8785', () => {
    expect(canonical({ b: 1e21, a: [0.1, -0, 'é\u0000\ud83d\ude00'], '\u20ac': null, A: true })).toBe(
      '{"A":true,"a":[0.1,0,"é\\u0000\ud83d\ude00"],"b":1e+21,"\u20ac":null}',
    )
    expect(sha256Hex('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
  })

  test.each([[undefined], [Number.NaN], [1n], [Infinity]])('refuses %s', (value) => {
    expect(() => canonical(value as unknown as Json)).toThrow()
  })
})

test('effects of different engines, gates, actions or targets have different keys', () => {
  const keys = [
    effectKey('e1', 'INC-1.r1', '0-sql.update', 'a'),
    effectKey('e2', 'INC-1.r1', '0-sql.update', 'a'),
    effectKey('e1', 'INC-1.r2', '0-sql.update', 'a'),
    effectKey('e1', 'INC-1.r1', '1-sql.update', 'a'),
    effectKey('e1', 'INC-1.r1', '0-sql.update', 'a/b'),
  ]
  expect(new Set(keys).size).toBe(keys.length)
})
