import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { Plan } from '../../../src/core/plan.ts'
import { compileRunbook } from '../../../src/language/compile.ts'
import { renderText } from '../../../src/language/problems.ts'

const minimal = readFileSync(new URL('../../fixtures/runbooks/valid/minimal.yaml', import.meta.url), 'utf8')

/** The minimal runbook with these lines of `let`, and with changes. */
function withLet(lines: string[], ...changes: [from: string, to: string][]): string {
  let text = minimal.replace('causes:\n', `let:\n${lines.map((line) => `  ${line}\n`).join('')}causes:\n`)
  for (const [from, to] of changes) {
    if (!text.includes(from)) throw new Error(`the runbook has no ${from}`)
    text = text.replace(from, to)
  }
  return text
}

const compile = (text: string) => compileRunbook(text, { file: 'a.yaml' })

function plan(text: string): Plan {
  const { plan: compiled, problems } = compile(text)
  if (!compiled) throw new Error(renderText(problems))
  return compiled
}

/** `line:column message` of each problem. */
const problems = (text: string) =>
  compile(text).problems.map(({ line, column, message }) => `${line}:${column} ${message}`)

const AFFECTS: [string, string] = ['affects: stuck.rows.filter(r, r.attempt > 0)', 'affects: tried']

describe('a name of let', () => {
  test('is written out wherever it is used, so the plan is that of the same runbook without names', () => {
    const named = withLet(
      ['tried: stuck.rows.filter(r, r.attempt > 0)', 'calm: queue.waiting == 0 && size(tried) < 5'],
      AFFECTS,
      ['when: queue.paused', 'when: queue.paused && !calm'],
      ['because: ${{ size(affects) }} runs', 'because: ${{ size(tried) }} runs'],
    )
    const tried = '(stuck.rows.filter(r, r.attempt > 0))'
    const written = [
      ['affects: stuck.rows.filter(r, r.attempt > 0)', `affects: ${tried}`],
      ['when: queue.paused', `when: queue.paused && !(queue.waiting == 0 && size(${tried}) < 5)`],
      ['because: ${{ size(affects) }} runs', `because: \${{ size(${tried}) }} runs`],
    ].reduce((text, [from, to]) => text.replace(from!, to!), minimal)
    expect(plan(named)).toEqual(plan(written))
    expect(compile(named).planDigest).toBe(compile(written).planDigest)
  })

  test('has a type, and counts as what it reads: undetermined if its check failed or is truncated', () => {
    const text = withLet(['tried: stuck.rows.filter(r, r.attempt > 0)'], AFFECTS)
    expect(plan(text).causes[1]).toMatchObject({
      affects: { checks: ['stuck'], grows: ['stuck'], shrinks: [] },
      affectsItem: { object: { id: 'string', attempt: 'int' } },
    })
    expect(compile(text).names).toMatchObject([
      { name: 'tried', type: { list: { object: { id: 'string' } } }, expression: { checks: ['stuck'] } },
    ])
  })

  test('can be used by the parameters of a check, which then needs what the name reads', () => {
    const logs = `  logs:\n    check: logs.search\n    with: { connection: logs, where: { run: '\${{ ids }}' } }\n  queue:\n`
    const text = withLet(['ids: stuck.rows.map(r, r.id)'], ['  queue:\n', logs])
    expect(plan(text).checks.find(({ name }) => name === 'logs')).toMatchObject({ needs: ['stuck'] })
  })

  test('can be used in verify if it reads only what verify knows', () => {
    const text = withLet(
      ['clear: "!queue.paused"'],
      ["until: '!after.paused'", 'until: clear'],
      [
        '    verify:\n      checks:\n        after: { check: bullmq.queue, with: { connection: maestro-queue } }',
        '    verify:\n      again: [queue]',
      ],
    )
    expect(plan(text).remedies['resume-queue']!.verify.until).toMatchObject({
      cel: '(!queue.paused)',
      checks: ['queue'],
    })
    const [problem] = problems(withLet(['clear: "!queue.paused"'], ["until: '!after.paused'", 'until: clear']))
    expect(problem).toContain('In "clear": "queue" is unknown')
  })
})

describe('a problem of let is reported once, where it is:', () => {
  test.each<[string, string[], [string, string][], string[]]>([
    [
      'a type error',
      ['tried: size(stuck.row)', 'few: tried < 3'],
      [['when: queue.paused', 'when: few']],
      ['24:15 There is no "row" in stuck.'],
    ],
    [
      'a name that is below',
      ['few: size(tried) < 3', 'tried: stuck.rows'],
      [['when: queue.paused', 'when: few']],
      ['24:8 "few" uses "tried", which is below it.'],
    ],
    [
      'a name that uses itself',
      ['few: size(few) < 3'],
      [['when: queue.paused', 'when: few']],
      ['24:8 "few" uses itself.'],
    ],
    ['the name of a check', ['stuck: queue.paused'], [], ['24:3 "stuck" already has a meaning']],
    ['a reserved name', ['affects: stuck.rows'], [], ['24:3 "affects" already has a meaning']],
    ['the name of one target', ['run: queue.paused'], [], ['24:3 "run" already has a meaning']],
    ['a name that nothing uses', ['few: size(stuck.rows) < 3'], [], ['24:3 Nothing uses "few".']],
    ['a name with a hyphen', ['to-few: "true"'], [], ['24:3 "to-few" is not a valid name here']],
    [
      'a template',
      ["few: '${{ queue.paused }}'"],
      [['when: queue.paused', 'when: few']],
      ['24:9 This field is already an expression'],
    ],
    [
      'a list',
      ['few: [queue.paused]'],
      [['when: queue.paused', 'when: few']],
      ['24:8 "few" is an expression: put it in quotes'],
    ],
    [
      'an item with the name of what is read',
      ['few: size(stuck.rows) < 3'],
      [['when: queue.paused', 'when: queue.workerNames.exists(stuck, few)']],
      ['28:43 "few" reads "stuck", which is the name of an item here.'],
    ],
    [
      'an expression that is too long when its names are written out',
      [`few: size(stuck.rows.filter(r, r.id == '${'x'.repeat(1_500)}')) < 3`],
      [['when: queue.paused', 'when: few && !few']],
      ['28:11 The expression has'],
    ],
  ])('%s', (_, lines, changes, wanted) => {
    const found = problems(withLet(lines, ...changes))
    expect(found).toHaveLength(wanted.length)
    expect(found).toEqual(wanted.map((start) => expect.stringContaining(start)))
  })

  test('names that double each other are refused, and take no time', () => {
    const doubled = Array.from({ length: 60 }, (_, i) =>
      i === 0 ? 'n0: queue.waiting' : `n${i}: n${i - 1} + n${i - 1}`,
    )
    const began = process.cpuUsage()
    const found = problems(withLet(doubled, ['when: queue.paused', 'when: n59 > 3']))
    expect(process.cpuUsage(began).user / 1000).toBeLessThan(2_000)
    expect(found).toHaveLength(1)
    expect(found[0]).toMatch(/^\d+:\d+ (The expression has \d+ characters|At most 400 operations)/)
  })

  test('a misspelt name is corrected', () => {
    const [problem] = problems(
      withLet(
        ['tried: stuck.rows.filter(r, r.attempt > 0)'],
        ['affects: stuck.rows.filter(r, r.attempt > 0)', 'affects: tired'],
      ),
    )
    expect(problem).toContain('"tired" is unknown. Did you mean "tried"?')
  })
})
