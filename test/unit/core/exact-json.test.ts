import { expect, test } from 'vitest'
import { isExactNumber, parseExactJson } from '../../../src/core/exact-json.ts'

test.each([
  ['{"guild":750727362669608961}', { guild: '750727362669608961' }],
  ['[9007199254740993, -9007199254740993]', ['9007199254740993', '-9007199254740993']],
  ['{"a":1e400,"b":0.12345678901234567890123}', { a: '1e400', b: '0.12345678901234567890123' }],
  [
    '{"note":"id 750727362669608961 and \\" 9007199254740993","n":9007199254740993}',
    { note: 'id 750727362669608961 and " 9007199254740993', n: '9007199254740993' },
  ],
  ['{"path":"c:\\\\","n":9007199254740993}', { path: 'c:\\', n: '9007199254740993' }],
])('%s keeps the digits of numbers that a double cannot hold', (text, value) => {
  expect(parseExactJson(text)).toEqual(value)
})

test.each(['{"a":[1,0.1,-2.5e3,0.30000000000000004,9007199254740991],"b":"1e5"}', '0', '-0', '1.50', '"x"'])(
  '%s is read as JSON.parse reads it',
  (text) => {
    expect(parseExactJson(text)).toEqual(JSON.parse(text))
  },
)

test('text that is not JSON is refused, also next to a large number', () => {
  for (const text of ['{"a":9007199254740993', '9007199254740993x', '"9007199254740993', '00000000000000000001'])
    expect(() => parseExactJson(text)).toThrow(SyntaxError)
})

test('trailing zeros and exponents lose nothing', () => {
  expect(['1.50', '1500e-3', '1E2', '0.000', '5e-324'].filter((text) => !isExactNumber(text))).toEqual([])
})

test('a text of 8 MB is read in less than a second', () => {
  const started = performance.now()
  parseExactJson(`{"a":${'[9007199254740993,"\\\\\\"'.repeat(1)}"],"b":"${'\\\\1e5 '.repeat(1_000_000)}"}`)
  expect(performance.now() - started).toBeLessThan(1_000)
})
