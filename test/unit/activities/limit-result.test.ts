import { expect, test } from 'vitest'
import { capResult } from '../../../activities/limit-result.ts'

const size = (value: unknown) => Buffer.byteLength(JSON.stringify(value))

test('a small result is unchanged', () => {
  const result = { rows: [{ a: 1, t: 'ä€😀' }], truncated: false }
  expect(capResult(result)).toEqual(result)
})

test('the 501st row is dropped', () => {
  const rows = Array.from({ length: 501 }, (_, n) => ({ n }))
  const capped = capResult({ rows, truncated: false })
  expect(capped.rows).toHaveLength(500)
  expect(capped.truncated).toBe(true)
})

test('rows beyond 64 kB are dropped, measured in bytes', () => {
  const rows = Array.from({ length: 100 }, (_, n) => ({ n, text: '€'.repeat(500) }))
  const capped = capResult({ rows, truncated: false })
  expect(size(capped)).toBeLessThanOrEqual(64 * 1024)
  expect(size(capped)).toBeGreaterThan(62 * 1024)
  expect(capped.truncated).toBe(true)
})

test('a long text is shortened before rows are dropped', () => {
  const capped = capResult({ rows: [{ t: 'x'.repeat(100_000) }, { t: 'kept' }], truncated: false })
  expect(capped.rows).toEqual([{ t: `${'x'.repeat(2_000)}…` }, { t: 'kept' }])
  expect(capped.truncated).toBe(true)
})

test('a result that cannot be made small enough is an error', () => {
  const wide = Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`field${i}`, 'x'.repeat(1_900)]))
  expect(() => capResult(wide)).toThrow('the limit is 64 kB')
})

test('fields are redacted at any depth, in upper and lower case, and keep their type', () => {
  const result = { rows: [{ Email: 'a@b', data: { email: 'x', list: [{ EMAIL: 5, ok: 1 }] } }] }
  expect(capResult(result, ['email'])).toEqual({
    rows: [{ Email: '[redacted]', data: { email: '[redacted]', list: [{ EMAIL: null, ok: 1 }] } }],
  })
})

test('characters that a database refuses are replaced, and no prototype is set', () => {
  const result = JSON.parse('{"a":"x\\u0000y\\ud800z","__proto__":{"evil":true}}') as { a: string }
  expect(capResult(result)).toEqual({ a: 'x\uFFFDy\uFFFDz' })
  expect('evil' in capResult(result)).toBe(false)
})
