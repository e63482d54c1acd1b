import { describe, expect, test } from 'vitest'
import type { InputSpec } from '../../../src/core/plan.ts'
import { readInputs } from '../../../src/engine/read-inputs.ts'

const spec = (type: InputSpec['type'], change: Partial<InputSpec> = {}): InputSpec => ({
  type,
  optional: false,
  ...change,
})

function read(one: InputSpec, given: unknown) {
  return readInputs('things', { it: one }, { it: given }).it
}

describe('an input', () => {
  test.each([
    ['string', 'run-1', 'run-1'],
    ['string', '', ''],
    ['int', '42', 42],
    ['int', '-7', -7],
    ['int', 42, 42],
    ['number', '1.5', 1.5],
    ['number', 0, 0],
    ['bool', 'true', true],
    ['bool', false, false],
    ['duration', '15m', '15m'],
  ] as const)('of type %s is read from %j', (type, given, value) => {
    expect(read(spec(type), given)).toBe(value)
  })

  test.each([
    ['string', 7],
    ['string', 'x'.repeat(1_001)],
    ['string', 'a\u0000b'],
    ['string', 'a\ud800b'],
    ['string', ['a']],
    ['int', '1.5'],
    ['int', '1e3'],
    ['int', ' 1'],
    ['int', '12345678901234567890'],
    ['int', 2 ** 53],
    ['int', true],
    ['number', ''],
    ['number', '1e999'],
    ['number', 'NaN'],
    ['bool', 'yes'],
    ['bool', 1],
    ['duration', '0s'],
    ['duration', '15'],
    ['duration', '1h30m'],
    ['duration', 90],
  ] as const)('of type %s refuses %j', (type, given) => {
    expect(() => read(spec(type), given)).toThrow(expect.objectContaining({ code: 'RUNBOOK_BAD_INPUT' }))
  })

  test('that is absent takes its default, is null if optional, and is required otherwise', () => {
    expect(read(spec('int', { default: 5 }), undefined)).toBe(5)
    expect(read(spec('string', { optional: true }), null)).toBeNull()
    expect(() => read(spec('string'), undefined)).toThrow('it: is required (string)')
  })

  test('must fit its bounds, its allowed values and its pattern', () => {
    expect(() => read(spec('int', { min: 1 }), 0)).toThrow('0 must be at least 1')
    expect(() => read(spec('duration', { max: 60_000 }), '61s')).toThrow('"61s" must be at most 1m')
    expect(() => read(spec('string', { enum: ['a', 'b'] }), 'c')).toThrow('"c" must be one of a, b')
    expect(() => read(spec('string', { pattern: 'run-[0-9]+' }), 'xrun-1')).toThrow('must match')
    expect(() => read(spec('string', { pattern: 'a|b' }), 'ab')).toThrow('must match')
    expect(read(spec('string', { pattern: 'run-[0-9]+' }), 'run-7')).toBe('run-7')
  })
})

test('all problems are reported at once; an unknown name comes with a suggestion', () => {
  const given = JSON.parse('{"treshold": "1h", "__proto__": "x", "count": "many"}') as Record<string, unknown>
  const specs = { threshold: spec('duration', { default: '1h' }), count: spec('int'), run: spec('string') }
  let problems: string[] = []
  try {
    readInputs('things', specs, given)
  } catch (error) {
    problems = (error as { detail: { problems: string[] } }).detail.problems
  }
  expect(problems).toEqual([
    'treshold: things has no such input; did you mean threshold? (its inputs: threshold, count, run)',
    '__proto__: things has no such input (its inputs: threshold, count, run)',
    'count: "many" is not a whole number',
    'run: is required (string): set it with --input',
  ])
})
