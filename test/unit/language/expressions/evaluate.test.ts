import { describe, expect, test } from 'vitest'
import type { Json } from '../../../../src/core/json.ts'
import type { Type } from '../../../../src/core/plan.ts'
import { compileExpression } from '../../../../src/language/expressions/compile.ts'
import { EvaluationError, evaluate, renderValue } from '../../../../src/language/expressions/evaluate.ts'

const row: Type = {
  object: { id: 'string', attempt: 'int', job_id: { nullable: 'string' }, ratio: 'double', extra: 'dyn' },
}
const types: Record<string, Type> = {
  runs: { object: { rows: { list: row }, truncated: 'bool' } },
  queue: { object: { waiting: 'int', paused: 'bool', workers: 'int' } },
  inputs: { object: { run: { nullable: 'string' }, threshold: 'duration' } },
}
const scope: Record<string, Json> = {
  runs: {
    rows: [
      { id: 'a', attempt: 1, job_id: 'a__x', ratio: 0.5, extra: { deep: [1, 2] } },
      { id: 'b', attempt: 3, job_id: null, ratio: 2, extra: null },
    ],
    truncated: false,
  },
  queue: { waiting: 7, paused: true, workers: 2 },
  inputs: { run: null, threshold: '90m' },
}

function run(cel: string): Json {
  const compiled = compileExpression(cel, types, { checks: { runs: [], queue: [] } })
  if (!compiled.ok)
    throw new Error(compiled.problems.map((problem) => `${problem.rule}: ${problem.message}`).join('; '))
  return evaluate(compiled.expression, scope, types)
}

function rules(cel: string): string[] {
  const compiled = compileExpression(cel, types)
  return compiled.ok ? [] : compiled.problems.map((problem) => problem.rule)
}

describe('values', () => {
  test.each<[string, Json]>([
    ['queue.waiting + 1', 8],
    ['queue.waiting / queue.workers', 3],
    ['double(queue.waiting) / 2.0', 3.5],
    ['queue.waiting * 1.5', 10.5],
    ['queue.waiting % 4', 3],
    ['-queue.waiting', -7],
    ['size(runs.rows)', 2],
    ['runs.rows.size() > 1', true],
    ['runs.rows[1].attempt', 3],
    ['runs.rows.filter(r, r.attempt > 1).map(r, r.id)', ['b']],
    ['runs.rows.map(r, r.job_id)', ['a__x', null]],
    ['runs.rows.map(r, r.job_id).present()', ['a__x']],
    ['runs.rows.map(r, r.job_id != null, r.job_id.split("__")[0])', ['a']],
    ['runs.rows.exists(r, r.job_id == null)', true],
    ['runs.rows.exists_one(r, r.attempt == 3)', true],
    ['runs.rows.all(r, r.id in ["a", "b"])', true],
    ['runs.rows.exists(a, runs.rows.exists(b, a.attempt + 2 == b.attempt))', true],
    ['runs.rows[0].extra.deep[1] + 1', 3],
    ['has(runs.rows)', true],
    ["inputs.run.orElse('all')", 'all'],
    ['inputs.run == null', true],
    ['inputs.threshold', '90m'],
    ["inputs.threshold > duration('1h')", true],
    ['inputs.threshold * 2', '3h'],
    ["inputs.threshold - duration('90m')", '0s'],
    ['string(inputs.threshold)', '90m'],
    ['seconds(inputs.threshold)', 5400],
    ['sum(runs.rows.map(r, r.attempt))', 4],
    ['max(runs.rows.map(r, r.attempt))', 3],
    ['min([]) == null', true],
    ['max(queue.workers, 5)', 5],
    ["runs.rows.map(r, r.id).join(', ')", 'a, b'],
    ['[1, 1, 2].distinct()', [1, 2]],
    ['queue.paused ? "paused" : "runs"', 'paused'],
    ["{'a': 1, 'b': [inputs.threshold]}", { a: 1, b: ['90m'] }],
    ['1 == 1.0', true],
    ['[inputs.threshold].exists(d, d > duration("1h"))', true],
    ['"Connection REFUSED".lowerAscii().contains("refused")', true],
    ['round(2.5)', 3],
    ['size("héllo")', 5],
    ['"b" > "a" && !(1 > 2)', true],
  ])('%s', (cel, value) => {
    expect(run(cel)).toEqual(value)
  })

  test('a decisive side gives the result even if the other side causes an error', () => {
    expect(run('runs.rows[9].attempt == 1 || queue.paused')).toBe(true)
    expect(run('queue.paused || runs.rows[9].attempt == 1')).toBe(true)
    expect(run('!queue.paused && runs.rows[9].attempt == 1')).toBe(false)
    expect(run('runs.rows.exists(r, r.extra.deep[0] == 1)')).toBe(true)
    expect(() => run('runs.rows.all(r, r.extra.deep[0] == 1)')).toThrow(EvaluationError)
  })

  test.each([
    ['runs.rows[5]', 'no item 5'],
    ['1 / 0', 'division by zero'],
    ["int('4x')", 'not a whole number'],
    ["duration('0s') == duration('1s')", 'not a duration'],
    ['runs.rows[0].extra.absent', 'no "absent"'],
    ['9007199254740991 + 1', 'range'],
  ])('%s has no value, and the error gives the reason', (cel, message) => {
    expect(() => run(cel)).toThrow(EvaluationError)
    expect(() => run(cel)).toThrow(message)
  })

  test('an expression that costs too much is stopped within tens of milliseconds', () => {
    const doubling = `["xxxxxxxx"]${'.map(x, x + x)'.repeat(20)}`
    // Processor time, because other processes on a shared machine change the elapsed time.
    const started = process.cpuUsage()
    expect(() => run(doubling)).toThrow('longer than 65536 characters')
    expect(() => run(`[[1, 2]]${'.map(x, x + x)'.repeat(20)}`)).toThrow('costs too much')
    const { user, system } = process.cpuUsage(started)
    expect((user + system) / 1000).toBeLessThan(250)
  })

  test('names of JavaScript object properties are not known', () => {
    expect(rules('constructor')).toEqual(['unknown-name'])
    expect(rules('queue.constructor')).toEqual(['unknown-property'])
    expect(() => run('runs.rows[0].extra.constructor')).toThrow('no "constructor"')
  })
})

describe('problems', () => {
  test.each([
    ['queue.waitin > 0', 'unknown-property'],
    ['que.waiting > 0', 'unknown-name'],
    ['queue.waiting = 0', 'expression-syntax'],
    ['queue.waiting > "3"', 'type-mismatch'],
    ['queue.waiting == "3"', 'type-mismatch'],
    ["inputs.threshold == '1h'", 'type-mismatch'],
    ['queue.waiting && true', 'not-a-condition'],
    ['runs.rows ? 1 : 2', 'not-a-condition'],
    ['runs.exists(r, true)', 'type-mismatch'],
    ['runs.rows.attempt > 1', 'type-mismatch'],
    ["runs.rows.exists(r, r.job_id.startsWith('a'))", 'may-be-null'],
    ["runs.rows[0].id.matches('a')", 'refused-function'],
    ['now() > 1', 'refused-function'],
    ['sizee(runs.rows)', 'unknown-function'],
    ['size(runs)', 'wrong-arguments'],
    ['runs.rows.map(1, 2)', 'expression-syntax'],
    ['a.b.c(', 'expression-syntax'],
    ['true ? 1 : "a"', 'type-mismatch'],
    ['[1, 2][“a”]', 'expression-syntax'],
    ['b"abc" == b"abc"', 'expression-syntax'],
    ['runs.rows.all(a, runs.rows.all(b, runs.rows.all(c, a.id == c.id)))', 'expression-too-complex'],
    [`${'('.repeat(40)}1${')'.repeat(20)}`, 'expression-too-complex'],
    [`"${'x'.repeat(2000)}" == ""`, 'expression-too-long'],
  ])('%s has the problem %s', (cel, rule) => {
    expect(rules(cel)).toContain(rule)
  })

  test.each([
    ['runs.rows.length > 0', 'type-mismatch', 'size(runs.rows)'],
    ['runs.rows.size > 0', 'type-mismatch', 'size(runs.rows)'],
    ['runs.rows.count > 0', 'type-mismatch', 'size(runs.rows)'],
    ['runs.length > 0', 'unknown-property', 'size(runs.rows)'],
    ['runs.rows[0].id.length > 3', 'type-mismatch', 'size(runs.rows[0].id)'],
    ['runs.rows.exists(r, r.id.length > 3)', 'type-mismatch', 'size(r.id)'],
    ['runs.rows.length() > 0', 'unknown-function', 'size(runs.rows)'],
    ['runs.rows.count() > 0', 'unknown-function', 'size(runs.rows)'],
    ['len(runs.rows) > 0', 'unknown-function', 'size(runs.rows)'],
    ['length(runs.rows.filter(r, r.attempt > 1)) > 0', 'unknown-function', 'size(runs.rows.filter(r, r.attempt > 1))'],
    ['count(runs) > 0', 'unknown-function', 'size(runs.rows)'],
  ])('%s is one problem (%s), which suggests %s', (cel, rule, suggestion) => {
    const compiled = compileExpression(cel, types)
    expect(compiled).toMatchObject({ ok: false, problems: [{ rule }] })
    expect(!compiled.ok && compiled.problems[0]!.message).toContain(`Did you mean "${suggestion}"?`)
  })

  test('size is not suggested for a field of this name, or for a value without a size', () => {
    const compiled = compileExpression('queue.waiting.length > 0', types)
    expect(!compiled.ok && compiled.problems[0]!.message).toBe('An int has no field "length".')
    expect(rules('runs.rows[0].extra.length > 0')).toEqual([])
  })

  test('a problem has its place and a suggestion', () => {
    const compiled = compileExpression('queue.paused && queue.wating > 0', types)
    expect(compiled).toMatchObject({ ok: false, problems: [{ start: 16, end: 28 }] })
    expect(!compiled.ok && compiled.problems[0]!.message).toContain('Did you mean "waiting"?')
  })

  test('all problems are reported, not only the first', () => {
    expect(rules('queue.a > 0 || queue.b > 0')).toHaveLength(2)
  })

  test('a value is not nullable after it was compared with null', () => {
    expect(rules("runs.rows.exists(r, r.job_id != null && r.job_id.startsWith('a'))")).toEqual([])
    expect(rules("runs.rows.exists(r, r.job_id == null || r.job_id.startsWith('a'))")).toEqual([])
    expect(rules('runs.rows.filter(r, r.job_id != null).map(r, r.job_id.trim())')).toEqual([])
    expect(rules('inputs.run == null ? "all" : inputs.run.trim()')).toEqual([])
    expect(rules("runs.rows.exists(r, r.job_id != null || r.job_id.startsWith('a'))")).toEqual(['may-be-null'])
    expect(rules("runs.rows.exists(r, r.job_id != null && runs.rows.exists(r, r.job_id.trim() == ''))")).toEqual([
      'may-be-null',
    ])
  })
})

test('a template keeps the type of its only expression; inside a string, null is empty', () => {
  const expr = (cel: string) => ({ cel, checks: [], grows: [], shrinks: [] })
  expect(renderValue({ expr: expr('queue.waiting') }, scope, types)).toBe(7)
  expect(
    renderValue(
      { text: ['run ', expr('inputs.run'), '/', expr('inputs.threshold'), '/', expr('queue.paused')] },
      scope,
      types,
    ),
  ).toBe('run /90m/true')
  expect(renderValue({ list: [{ lit: 1 }, { map: { a: { expr: expr('inputs.run') } } }] }, scope, types)).toEqual([
    1,
    { a: null },
  ])
})
