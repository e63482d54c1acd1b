import { expect, test } from 'vitest'
import { capResult } from '../../../activities/limit-result.ts'

const size = (value: unknown) => Buffer.byteLength(JSON.stringify(value))

test('a small result stays as it is', () => {
  const result = { rows: [{ a: 1, t: 'ä€😀' }], truncated: false }
  expect(capResult(result)).toEqual(result)
})

test('the 501st row goes', () => {
  const rows = Array.from({ length: 501 }, (_, n) => ({ n }))
  const capped = capResult({ rows, truncated: false })
  expect(capped.rows).toHaveLength(500)
  expect(capped.truncated).toBe(true)
})

test('rows beyond 64 kB go, counted in bytes', () => {
  const rows = Array.from({ length: 100 }, (_, n) => ({ n, text: '€'.repeat(500) }))
  const capped = capResult({ rows, truncated: false })
  expect(size(capped)).toBeLessThanOrEqual(64 * 1024)
  expect(size(capped)).toBeGreaterThan(62 * 1024)
  expect(capped.truncated).toBe(true)
})

test('one long text is shortened before other rows are given up', () => {
  const capped = capResult({ rows: [{ t: 'x'.repeat(100_000) }, { t: 'kept' }], truncated: false })
  expect(capped.rows).toEqual([{ t: `${'x'.repeat(2_000)}…` }, { t: 'kept' }])
  expect(capped.truncated).toBe(true)
})

test('a result that cannot be made small is an error', () => {
  const wide = Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`field${i}`, 'x'.repeat(1_900)]))
  expect(() => capResult(wide)).toThrow('the limit is 64 kB')
})

test('redacted fields go at any depth, in any case of letters, and keep no wrong type', () => {
  const result = { rows: [{ Email: 'a@b', data: { email: 'x', list: [{ EMAIL: 5, ok: 1 }] } }] }
  expect(capResult(result, ['email'])).toEqual({
    rows: [{ Email: '[redacted]', data: { email: '[redacted]', list: [{ EMAIL: null, ok: 1 }] } }],
  })
})

test('text that a database refuses is replaced, and no prototype is set', () => {
  const result = JSON.parse('{"a":"x\\u0000y\\ud800z","__proto__":{"evil":true}}') as { a: string }
  expect(capResult(result)).toEqual({ a: 'x\uFFFDy\uFFFDz' })
  expect('evil' in capResult(result)).toBe(false)
})
