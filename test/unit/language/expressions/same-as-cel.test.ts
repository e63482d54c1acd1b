import { Environment } from '@marcbachmann/cel-js'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Json } from '../../../../src/core/json.ts'
import { compileExpression } from '../../../../src/language/expressions/compile.ts'
import { evaluate } from '../../../../src/language/expressions/evaluate.ts'

/** The evaluator of the library, as an independent implementation of CEL. */
const cel = new Environment({ unlistedVariablesAreDyn: true, homogeneousAggregateLiterals: false })

const plain = (value: unknown): unknown =>
  typeof value === 'bigint' ? Number(value) : Array.isArray(value) ? value.map(plain) : value

const int: fc.Memo<string> = fc.memo((depth) =>
  depth <= 1
    ? fc.constantFrom('0', '1', '-1', '2', '3', '7', 'n', 'size(ns)', "size('abc')")
    : fc.oneof(
        int(1),
        fc
          .tuple(int(depth - 1), fc.constantFrom('+', '-', '*', '/', '%'), int(depth - 1))
          .map((p) => `(${p.join(' ')})`),
        fc.tuple(bool(depth - 1), int(depth - 1), int(depth - 1)).map(([c, a, b]) => `(${c} ? ${a} : ${b})`),
        list(depth - 1).map((l) => `size(${l})`),
        fc.tuple(list(depth - 1), int(depth - 1)).map(([l, i]) => `${l}[${i}]`),
        int(depth - 1).map((a) => `(-${a})`),
      ),
)
const list: fc.Memo<string> = fc.memo((depth) =>
  depth <= 1
    ? fc.constantFrom('ns', '[1, 2, 3]', '[n]')
    : fc.oneof(
        list(1),
        fc.tuple(list(depth - 1), bool(depth - 1)).map(([l, p]) => `${l}.filter(x, ${p})`),
        fc.tuple(list(depth - 1), int(depth - 1)).map(([l, t]) => `${l}.map(x, ${t})`),
        fc.tuple(list(depth - 1), int(depth - 1)).map(([l, t]) => `${l}.map(x, x > ${t}, x + 1)`),
        fc.tuple(list(depth - 1), list(depth - 1)).map(([l, m]) => `(${l} + ${m})`),
      ),
)
const bool: fc.Memo<string> = fc.memo((depth) =>
  depth <= 1
    ? fc.constantFrom(
        'true',
        'false',
        'n > 2',
        "'a' < s",
        "s.contains('b')",
        's.startsWith("a")',
        '1 in ns',
        'n == 3.0',
      )
    : fc.oneof(
        bool(1),
        fc
          .tuple(int(depth - 1), fc.constantFrom('<', '<=', '>', '>=', '==', '!='), int(depth - 1))
          .map((p) => `(${p.join(' ')})`),
        fc
          .tuple(bool(depth - 1), fc.constantFrom('&&', '||', '==', '!='), bool(depth - 1))
          .map((p) => `(${p.join(' ')})`),
        fc
          .tuple(list(depth - 1), fc.constantFrom('exists', 'all', 'exists_one'), int(depth - 1))
          .map(([l, q, t]) => `${l}.${q}(x, x > ${t})`),
        fc
          .tuple(list(depth - 1), fc.constantFrom('exists', 'all'), int(depth - 1))
          .map(([l, q, t]) => `${l}.${q}(x, 6 / x > ${t})`),
        fc.tuple(int(depth - 1), list(depth - 1)).map(([i, l]) => `${i} in ${l}`),
        bool(depth - 1).map((b) => `!${b}`),
      ),
)

test('an expression has the same value as in CEL, or is an error in both', { timeout: 60_000 }, () => {
  const types = { n: 'int', ns: { list: 'int' }, s: 'string' } as const
  let values = 0
  fc.assert(
    fc.property(
      fc.oneof(bool(4), int(4), list(4)),
      fc.integer({ min: -9, max: 9 }),
      fc.array(fc.integer({ min: -3, max: 3 }), { maxLength: 4 }),
      fc.constantFrom('', 'ab', 'b'),
      (source, n, ns, s) => {
        const compiled = compileExpression(source, { ...types })
        // The static check of the library treats empty lists differently; this test compares values only.
        if (!compiled.ok || !cel.check(source).valid) return
        let own: { value: Json } | 'error'
        let other: { value: unknown } | 'error'
        try {
          own = { value: evaluate(compiled.expression, { n, ns, s }, { ...types }) }
        } catch {
          own = 'error'
        }
        try {
          other = { value: plain(cel.evaluate(source, { n: BigInt(n), ns: ns.map(BigInt), s })) }
        } catch {
          other = 'error'
        }
        if (own !== 'error') values++
        expect(own, source).toEqual(other)
      },
    ),
    { numRuns: 5_000 },
  )
  expect(values).toBeGreaterThan(2_000)
})
