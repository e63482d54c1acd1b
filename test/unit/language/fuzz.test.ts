import { readFileSync, readdirSync } from 'node:fs'
import fc from 'fast-check'
import { afterAll, expect, test } from 'vitest'
import type { Type } from '../../../src/core/plan.ts'
import { compileRunbook } from '../../../src/language/compile.ts'
import { compileScenarios } from '../../../src/language/scenarios/compile-scenarios.ts'
import { compileExpression } from '../../../src/language/expressions/compile.ts'
import { EvaluationError, evaluate } from '../../../src/language/expressions/evaluate.ts'
import type { Problem } from '../../../src/language/problems.ts'
import { RULES } from '../../../src/language/rules.ts'

/** `RUNBOOK_FUZZ=long` runs many more cases. RUNBOOK_FUZZ_SEED repeats a run; each run prints its seed. */
const seed = Number(process.env['RUNBOOK_FUZZ_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
console.info(`RUNBOOK_FUZZ_SEED=${seed}`)
const long = process.env['RUNBOOK_FUZZ'] === 'long'
const DOCUMENTS = long ? 20_000 : 400
const EXPRESSIONS = long ? 50_000 : 3_000
const timeout = long ? 1_800_000 : 60_000

const slowest: Record<string, number> = {}
afterAll(() => console.info(`slowest, best of three, in ms: ${JSON.stringify(slowest)}`))

/** The processor time in ms; after a slow run, that of the fastest of three runs, because other processes use the machine too. */
function fastest(what: string, limit: number, run: () => void): number {
  let best = Infinity
  for (let i = 0; i < 3 && best > limit; i++) {
    const started = process.cpuUsage()
    run()
    const { user, system } = process.cpuUsage(started)
    best = Math.min(best, (user + system) / 1000)
  }
  slowest[what] = Math.max(slowest[what] ?? 0, Math.ceil(best))
  return best
}

const folder = new URL('../../fixtures/runbooks/', import.meta.url)
const corpus = ['valid', 'broken']
  .flatMap((kind) => readdirSync(new URL(`${kind}/`, folder)).map((name) => new URL(`${kind}/${name}`, folder)))
  .map((file) => readFileSync(file, 'utf8'))
  .filter((text) => text.length < 8_000)

const PIECES = [
  '!',
  '&a ',
  '*a ',
  '? ',
  ': ',
  ' #',
  '- ',
  '| ',
  '> ',
  '"',
  "'",
  '[',
  ']',
  '{',
  '}',
  ',',
  '\t',
  '\n',
  '\r\n',
  '%YAML 1.1\n',
  '---\n',
  '...\n',
  '<<: ',
  '__proto__: ',
  'constructor',
  '${{',
  '}}',
  '\u202e',
  '\u0000',
  '~',
  '0x1f',
  '1e999',
  '.nan',
  '\ud800',
  '${{ inputs.run }}',
  '[[[[[[[[',
  '{a: {a: {a: ',
  '"\\u0000"',
  '!!js/function x',
  'null',
  'true',
  '1',
  '-',
  '',
  '   ',
  'é',
]
const edit = fc.oneof(
  fc.record({ at: fc.nat(), remove: fc.nat(30), insert: fc.constantFrom(...PIECES) }),
  fc.record({ at: fc.nat(), remove: fc.nat(300), insert: fc.string({ maxLength: 10 }) }),
)
const mutated = (texts: string[]) =>
  fc.tuple(fc.constantFrom(...texts), fc.array(edit, { minLength: 1, maxLength: 6 })).map(([text, edits]) =>
    edits.reduce((now, { at, remove, insert }) => {
      const place = at % (now.length + 1)
      return now.slice(0, place) + insert + now.slice(place + remove)
    }, text),
  )

const SHARED = [
  globalThis,
  ...[Object, Array, String, Number, Boolean, Function, RegExp, Map, Set, Date].flatMap((one) => [one, one.prototype]),
]
const globals = () => JSON.stringify(SHARED.map((one) => Reflect.ownKeys(one).map(String)))

function expectPlaced(problems: Problem[], text: string): void {
  const lines = text.split('\n').length
  for (const { rule, line, column, message } of problems) {
    expect(Object.hasOwn(RULES, rule)).toBe(true)
    expect(line >= 1 && line <= lines && column >= 1).toBe(true)
    expect(message).not.toContain('undefined')
  }
}

const isError = ({ severity }: Problem) => severity === 'error'

test('a mutated runbook quickly gives a plan, or problems with a rule and a place', { timeout }, () => {
  const before = globals()
  fc.assert(
    fc.property(mutated(corpus), (text) => {
      const run = () => {
        const { plan, problems } = compileRunbook(text, { file: 'a.yaml' })
        expect(plan !== undefined || problems.some(isError)).toBe(true)
        expectPlaced(problems, text)
      }
      expect(fastest('runbook', 250, run)).toBeLessThan(250)
    }),
    { numRuns: DOCUMENTS, seed },
  )
  expect(globals()).toBe(before)
  expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
})

test('a mutated scenario file quickly gives scenarios, or problems with a rule and a place', { timeout }, () => {
  const { plan } = compileRunbook(readFileSync(new URL('valid/minimal.yaml', folder), 'utf8'), { file: 'a.yaml' })
  const scenarios = readFileSync(new URL('../scenarios/valid.yaml', folder), 'utf8')
  const before = globals()
  fc.assert(
    fc.property(mutated([scenarios]), (text) => {
      const run = () => {
        const { scenarios: found, problems } = compileScenarios(text, 'a.test.yaml', plan!)
        expect(found.length > 0 || problems.some(isError)).toBe(true)
        expectPlaced(problems, text)
      }
      expect(fastest('scenarios', 250, run)).toBeLessThan(250)
    }),
    { numRuns: DOCUMENTS / 4, seed },
  )
  expect(globals()).toBe(before)
})

const types: Record<string, Type> = {
  runs: {
    object: {
      rows: { list: { object: { id: 'string', n: 'int', maybe: { nullable: 'string' }, any: 'dyn' } } },
      truncated: 'bool',
    },
  },
  queue: { object: { paused: 'bool', waiting: 'int', ratio: 'double' } },
  inputs: { object: { run: { nullable: 'string' }, threshold: 'duration' } },
}
const scope = {
  runs: {
    rows: Array.from({ length: 500 }, (_, n) => ({
      id: `run-${n}`,
      n,
      maybe: n % 2 ? 'x' : null,
      any: [n, 'a', null, { deep: [n] }][n % 4]!,
    })),
    truncated: true,
  },
  queue: { paused: false, waiting: 7, ratio: 0.5 },
  inputs: { run: null, threshold: '90m' },
}

const FUNCTIONS = [
  'size',
  'string',
  'int',
  'double',
  'sum',
  'min',
  'max',
  'first',
  'distinct',
  'present',
  'duration',
  'matches',
  'now',
]
const expression: fc.Memo<string> = fc.memo((depth) => {
  const leaf = fc.constantFrom(
    'runs',
    'runs.rows',
    'x',
    'x.n',
    'x.id',
    'x.maybe',
    'x.any',
    'queue.waiting',
    'queue.ratio',
    'queue.paused',
    'inputs.run',
    'inputs.threshold',
    '0',
    '1',
    '-1',
    '9007199254740991',
    '1.5',
    '1e308',
    '"a"',
    "''",
    'true',
    'null',
    '[]',
    '{}',
    'constructor',
    '__proto__',
    'runs.constructor',
    '1u',
    'b"a"',
    'runs.rows[0]',
    'runs.rows[-1]',
    "duration('1h')",
  )
  if (depth <= 1) return leaf
  const inner = expression(depth - 1)
  return fc.oneof(
    leaf,
    fc
      .tuple(inner, fc.constantFrom('+', '-', '*', '/', '%', '==', '!=', '<', '>=', '&&', '||', 'in', '=', '&'), inner)
      .map((p) => `(${p.join(' ')})`),
    fc
      .tuple(inner, fc.constantFrom('exists', 'all', 'filter', 'map', 'exists_one'), inner)
      .map(([l, f, p]) => `${l}.${f}(x, ${p})`),
    fc.tuple(fc.constantFrom(...FUNCTIONS), inner).map(([f, a]) => `${f}(${a})`),
    fc
      .tuple(inner, fc.constantFrom('join', 'split', 'contains', 'orElse', 'replace'), inner)
      .map(([a, f, b]) => `${a}.${f}(${b})`),
    fc.tuple(inner, inner, inner).map(([a, b, c]) => `(${a} ? ${b} : ${c})`),
    inner.map((a) => `!${a}`),
    inner.map((a) => `has(${a}.n)`),
    inner.map((a) => `${a}[0]`),
    fc.tuple(inner, fc.string({ maxLength: 3 })).map(([a, noise]) => a + noise),
  )
})

test('a generated expression quickly gives a value, problems or an EvaluationError', { timeout }, () => {
  let values = 0
  const before = globals()
  fc.assert(
    fc.property(expression(5), (cel) => {
      const run = () => {
        const compiled = compileExpression(cel, types, { checks: { runs: [], queue: [] } })
        if (!compiled.ok) {
          for (const { rule, start, end } of compiled.problems)
            expect(Object.hasOwn(RULES, rule) && start >= 0 && end > start, cel).toBe(true)
          return
        }
        try {
          const value = evaluate(compiled.expression, scope, types)
          values++
          expect(JSON.stringify(value), cel).toBeTypeOf('string')
        } catch (error) {
          expect(error, cel).toBeInstanceOf(EvaluationError)
        }
      }
      expect(fastest('expression', 50, run), cel).toBeLessThan(50)
    }),
    { numRuns: EXPRESSIONS, seed },
  )
  expect(values).toBeGreaterThan(EXPRESSIONS / 20)
  expect(globals()).toBe(before)
})
