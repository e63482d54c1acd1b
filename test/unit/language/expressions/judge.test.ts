import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Json } from '../../../../src/core/json.ts'
import type { Type } from '../../../../src/core/plan.ts'
import { compileExpression } from '../../../../src/language/expressions/compile.ts'
import { EvaluationError } from '../../../../src/language/expressions/evaluate.ts'
import { judge } from '../../../../src/language/expressions/judge.ts'
import type { CheckState } from '../../../../src/language/expressions/judge.ts'

const row: Type = { object: { n: 'int', s: 'string' } }
const listed: Type = { object: { rows: { list: row }, truncated: 'bool', total: 'int' } }
const types: Record<string, Type> = { a: listed, b: listed, queue: { object: { paused: 'bool', waiting: 'int' } } }
const checks = { a: [], b: [], queue: [] }

function compiled(cel: string) {
  const result = compileExpression(cel, types, { checks })
  if (!result.ok) throw new Error(`${cel}: ${result.problems.map((problem) => problem.message).join('; ')}`)
  return result.expression
}

const rows = (...ns: number[]): Json => ({
  rows: ns.map((n) => ({ n, s: `s${n}` })),
  truncated: false,
  total: ns.length,
})

function judged(cel: string, a: number[], state: Record<string, CheckState>) {
  const scope = { a: rows(...a), b: rows(1), queue: { paused: false, waiting: 3 } }
  return judge(compiled(cel), scope, types, { a: 'ok', b: 'ok', queue: 'ok', ...state })
}

describe('a failed check', () => {
  test('makes every expression that reads it undetermined, even if CEL would give a value', () => {
    expect(judged('size(a.rows) > 0 || true', [1], { a: 'failed' })).toEqual({
      undetermined: '"a" could not be read',
    })
  })
  test('does not affect an expression that does not read it', () => {
    expect(judged('!queue.paused', [1], { a: 'failed' })).toEqual({ value: true })
  })
  test('a check that did not run counts as failed', () => {
    const expression = compiled('queue.paused')
    expect(judge(expression, {}, types, {})).toEqual({ undetermined: '"queue" could not be read' })
  })
})

describe('over truncated rows', () => {
  const some = [1, 5]
  const undetermined = { undetermined: 'the result of "a" was truncated' }
  test.each<[string, number[], unknown]>([
    ['a.rows.exists(x, x.n > 4)', some, { value: true }],
    ['a.rows.exists(x, x.n > 9)', some, undetermined],
    ['a.rows.all(x, x.n > 0)', some, undetermined],
    ['a.rows.all(x, x.n > 4)', some, { value: false }],
    ['!a.rows.exists(x, x.n > 4)', some, { value: false }],
    ['!a.rows.exists(x, x.n > 9)', some, undetermined],
    ['size(a.rows) > 1', some, { value: true }],
    ['size(a.rows) > 5', some, undetermined],
    ['size(a.rows) == 0', some, { value: false }],
    ['size(a.rows) == 2', some, undetermined],
    ['size(a.rows) < 2', some, { value: false }],
    ['size(a.rows) < 5', some, undetermined],
    ['a.rows.exists_one(x, x.n == 5)', some, undetermined],
    ['a.rows.filter(x, x.n > 4).map(x, x.n)', some, { value: [5] }],
    ['a.rows.filter(x, x.n > 9)', some, undetermined],
    ['a.rows.filter(x, !a.rows.exists(y, y.n == x.n + 4))', some, undetermined],
    ['b.rows.filter(x, a.rows.exists(y, y.n == x.n)).map(x, x.n)', some, { value: [1] }],
    ['b.rows.filter(x, !a.rows.exists(y, y.n == x.n + 1))', some, undetermined],
    ['5 in a.rows.map(x, x.n)', some, { value: true }],
    ['queue.waiting > 2', some, { value: true }],
    ['a.total > 1 && a.truncated == false', some, { value: true }],
    ['a.rows[0].n == 1', some, undetermined],
    ['has(a.rows)', some, { value: true }],
  ])('%s', (cel, over, outcome) => {
    expect(judged(cel, over, { a: 'truncated' })).toEqual(outcome)
  })

  test('a check whose parameters read those rows is incomplete too, but complete for each single row', () => {
    const scope = { checks: { a: [], b: ['a'], queue: ['a'] } }
    const expression = (cel: string) => {
      const result = compileExpression(cel, types, scope)
      if (!result.ok) throw new Error(cel)
      return { grows: result.expression.grows, shrinks: result.expression.shrinks }
    }
    expect(expression('b.rows.all(x, x.n > 0)').shrinks).toEqual(['a', 'b'])
    expect(expression('queue.waiting > 0')).toEqual({ grows: ['a'], shrinks: ['a'] })
    expect(expression('a.rows.filter(x, !b.rows.exists(y, y.n == x.n))')).toEqual({ grows: ['a'], shrinks: ['b'] })
  })
})

/** Random expressions over two lists, with every operator for which the analysis has a rule. */
const number: fc.Memo<string> = fc.memo((depth) =>
  depth <= 1
    ? fc.constantFrom('0', '1', '2', 'queue.waiting', 'size(a.rows)', 'size(b.rows)')
    : fc.oneof(
        number(1),
        list(depth - 1).map((l) => `size(${l})`),
        list(depth - 1).map((l) => `sum(${l}.map(v, v.n))`),
        list(depth - 1).map((l) => `max(${l}.map(v, v.n)).orElse(0)`),
        fc.tuple(number(depth - 1), fc.constantFrom('+', '-', '*'), number(depth - 1)).map((p) => `(${p.join(' ')})`),
        number(depth - 1).map((n) => `(-${n})`),
        fc.tuple(bool(depth - 1), number(depth - 1), number(depth - 1)).map(([c, x, y]) => `(${c} ? ${x} : ${y})`),
      ),
)
const list: fc.Memo<string> = fc.memo((depth) =>
  depth <= 1
    ? fc.constantFrom('a.rows', 'b.rows')
    : fc.oneof(
        list(1),
        fc.tuple(list(depth - 1), itemTest(depth - 1)).map(([l, p]) => `${l}.filter(x, ${p})`),
        fc.tuple(list(depth - 1), itemTest(depth - 1)).map(([l, p]) => `${l}.map(x, ${p}, x)`),
        fc.tuple(list(depth - 1), list(depth - 1)).map(([l, m]) => `(${l} + ${m})`),
        list(depth - 1).map((l) => `${l}.distinct()`),
        fc.tuple(bool(depth - 1), list(depth - 1), list(depth - 1)).map(([c, l, m]) => `(${c} ? ${l} : ${m})`),
      ),
)
const itemTest: fc.Memo<string> = fc.memo((depth) =>
  fc.oneof(
    fc.constantFrom('x.n > 1', 'x.n == 2', 'x in a.rows', 'x.n in b.rows.map(w, w.n)'),
    list(depth).map((l) => `${l}.exists(y, y.n == x.n)`),
    list(depth).map((l) => `!${l}.exists(y, y.n > x.n)`),
    fc.tuple(number(depth)).map(([n]) => `x.n < ${n}`),
  ),
)
const bool: fc.Memo<string> = fc.memo((depth) =>
  depth <= 1
    ? fc.constantFrom('true', 'queue.paused', 'size(a.rows) == 0', 'size(b.rows) != 0')
    : fc.oneof(
        fc
          .tuple(list(depth - 1), fc.constantFrom('exists', 'all', 'exists_one'), itemTest(depth - 1))
          .map(([l, q, p]) => `${l}.${q}(x, ${p})`),
        fc
          .tuple(number(depth - 1), fc.constantFrom('<', '<=', '>', '>=', '==', '!='), number(depth - 1))
          .map((p) => `(${p.join(' ')})`),
        bool(depth - 1).map((b) => `!${b}`),
        fc.tuple(bool(depth - 1), bool(depth - 1), bool(1)).map(([c, x, y]) => `(${c} ? ${x} : ${y})`),
        fc.tuple(bool(depth - 1), fc.constantFrom('&&', '||'), bool(depth - 1)).map((p) => `(${p.join(' ')})`),
        fc.tuple(list(depth - 1), list(depth - 1)).map(([l, m]) => `${l} == ${m}`),
      ),
)

test('a value that counts over truncated rows is the value over all rows', { timeout: 60_000 }, () => {
  const full = fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 5 })
  let determined = 0
  fc.assert(
    fc.property(fc.oneof(bool(4), list(4)), full, full, fc.nat(5), fc.nat(5), (cel, a, b, cutA, cutB) => {
      const result = compileExpression(cel, types, { checks })
      if (!result.ok) return
      const part = { a: a.slice(0, cutA), b: b.slice(0, cutB) }
      const state: Record<string, CheckState> = {
        a: part.a.length < a.length ? 'truncated' : 'ok',
        b: part.b.length < b.length ? 'truncated' : 'ok',
        queue: 'ok',
      }
      const queue = { paused: false, waiting: 1 }
      const all: Record<string, CheckState> = { a: 'ok', b: 'ok', queue: 'ok' }
      let whole, partial
      try {
        whole = judge(result.expression, { a: rows(...a), b: rows(...b), queue }, types, all)
        partial = judge(result.expression, { a: rows(...part.a), b: rows(...part.b), queue }, types, state)
      } catch (error) {
        expect(error).toBeInstanceOf(EvaluationError)
        return
      }
      if ('undetermined' in partial || !('value' in whole)) return
      if (state['a'] === 'truncated' || state['b'] === 'truncated') determined++
      if (Array.isArray(partial.value) && partial.value.length > 0)
        expect(whole.value, cel).toEqual(expect.arrayContaining(partial.value))
      else expect(whole.value, cel).toEqual(partial.value)
    }),
    { numRuns: 4000 },
  )
  // Otherwise the property could be true only because no value was ever determined.
  expect(determined).toBeGreaterThan(400)
})

describe('a count in a truncated result', () => {
  const scope = { a: rows(1, 5) }
  const partial = { a: { total: 1 } }
  test.each<[string, 'true' | 'false' | 'undetermined']>([
    ['a.total > 1', 'true'],
    ['a.total > 5', 'undetermined'],
    ['a.total == 0', 'false'],
    ['a.total != 0', 'true'],
    ['a.total == 2', 'undetermined'],
    ['a.total < 2', 'false'],
    ['a.truncated', 'false'],
  ])('%s is %s if the kind declares that the count can only grow', (cel, expected) => {
    const result = compileExpression(cel, types, { checks, partial })
    if (!result.ok) throw new Error(cel)
    const verdict = judge(result.expression, scope, types, { a: 'truncated' })
    expect('value' in verdict ? String(verdict.value) : 'undetermined').toBe(expected)
  })
  test('is exact if the kind does not declare otherwise', () => {
    expect(judged('a.total == 2', [1, 5], { a: 'truncated' })).toEqual({ value: true })
  })
})
