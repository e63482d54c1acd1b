import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { Plan } from '../../../src/core/plan.ts'
import { compileRunbook } from '../../../src/language/compile.ts'
import { violation } from '../../../src/language/compile/inputs.ts'
import { splitTemplate } from '../../../src/language/compile/compile-values.ts'
import type { Kind } from '../../../src/language/kinds/kind.ts'
import { renderText } from '../../../src/language/problems.ts'

const file = (name: string) =>
  readFileSync(new URL(`../../fixtures/runbooks/valid/${name}.yaml`, import.meta.url), 'utf8')
const stuck = file('stuck-runs')
const minimal = file('minimal')

function plan(text: string): Plan {
  const { plan: compiled, problems } = compileRunbook(text, { file: 'a.yaml' })
  if (!compiled) throw new Error(renderText(problems))
  return compiled
}

describe('the plan', () => {
  test('has each check after the checks that it needs', () => {
    const reversed = stuck.replace(/( {2}stuckRuns:[\s\S]*?)( {2}jobs:[\s\S]*?)( {2}queue:\n)/, '$2$1$3')
    expect(reversed.indexOf('  jobs:')).toBeLessThan(reversed.indexOf('  stuckRuns:'))
    expect(plan(reversed).checks.map(({ name, needs }) => [name, needs])).toEqual([
      ['stuckRuns', []],
      ['jobs', ['stuckRuns']],
      ['queue', []],
    ])
  })

  test('has the checks that a cause reads, and how missing rows could change its value', () => {
    const cause = plan(stuck).causes[1]!
    expect(cause.affects).toMatchObject({ checks: ['stuckRuns', 'jobs'], grows: ['stuckRuns', 'jobs'], shrinks: [] })
    expect(cause.affectsItem).toMatchObject({ object: { id: 'string', attempt: 'int' } })
    expect(cause.because).toMatchObject({ text: [{ checks: ['stuckRuns', 'jobs'] }, expect.any(String), {}, {}] })
  })

  test('has the defaults of omitted fields', () => {
    const { remedies, rounds, otherwise, checks } = plan(minimal)
    expect(rounds).toEqual({ ineffective: 3, total: 10, again: { times: 2, everyMs: 15_000 } })
    expect(plan(`${minimal}\nrounds: { again: 0 }\n`).rounds).toEqual({ ineffective: 3, total: 10 })
    expect(otherwise).toEqual({ end: 'escalate' })
    expect(checks[1]).toMatchObject({ timeoutMs: 5_000, retries: 0, with: { watchStalledCheck: { lit: false } } })
    expect(remedies['resume-queue']).toMatchObject({
      risk: 'medium',
      limits: { maxTargets: 20 },
      approval: {
        auto: false,
        by: ['oncall'],
        count: 1,
        withinMs: 900_000,
        onTimeout: 'escalate',
        validForMs: 900_000,
      },
      verify: { holdsMs: 0, everyMs: 5_000, withinMs: 60_000 },
      targetItem: 'dyn',
    })
  })

  test('has each parameter as a literal, an expression, a string with expressions or a structure', () => {
    const { where, set, table } = plan(stuck).remedies['fail-stalled-runs']!.actions[0]!.with
    expect(table).toEqual({ lit: 'runs' })
    expect(set).toEqual({ lit: { status: 'FAILED', failure_reason: 'Stalled' } })
    expect(where).toMatchObject({ map: { id: { expr: { cel: 'run.id' } }, status: { lit: 'RUNNING' } } })
    expect(plan(stuck).remedies['fail-stalled-runs']!.lock).toMatchObject({ text: ['run/', { cel: 'run.id' }] })
  })

  test('has a digest that does not depend on layout and comments', () => {
    const digest = (text: string) => compileRunbook(text, { file: 'a.yaml' }).planDigest
    expect(digest(stuck)).toBe(digest(`${stuck}\n# a comment\n`))
    expect(digest(stuck)).toBe(digest(stuck.replace('maxTargets: 20, perHour: 60', 'perHour: 60,    maxTargets: 20')))
    expect(digest(stuck)).not.toBe(digest(stuck.replace('maxTargets: 20', 'maxTargets: 19')))
  })

  test('is plain JSON', () => {
    const compiled = plan(stuck)
    expect(JSON.parse(JSON.stringify(compiled))).toEqual(compiled)
  })
})

describe('checks of the diagnosis that a verification repeats', () => {
  const paused = readFileSync(
    new URL('../../fixtures/runbooks/valid/unknown-name--again.yaml', import.meta.url),
    'utf8',
  )

  test('are the same checks, with the same parameters and types, in the order of the diagnosis', () => {
    const { checks, remedies } = plan(paused)
    expect(remedies['resume-queue']!.verify.checks).toEqual(checks)
    expect(remedies['resume-queue']!.verify.until).toMatchObject({
      checks: ['queue', 'stuck'],
      grows: [],
      shrinks: ['stuck'],
    })
  })

  test('include the checks that they need, even if those are not named', () => {
    const needy = paused
      .replace(
        'causes:\n',
        '  jobs:\n    check: bullmq.jobs\n    with: { connection: maestro-queue, ids: "${{ stuck.rows.map(r, r.job_id) }}" }\ncauses:\n',
      )
      .replace('again: [queue, stuck]', 'again: [jobs]')
      .replace('"!queue.paused && size(stuck.rows) == 0"', 'size(jobs.rows) == 0')
    const { verify } = plan(needy).remedies['resume-queue']!
    expect(verify.checks.map(({ name }) => name)).toEqual(['stuck', 'jobs'])
    expect(verify.until).toMatchObject({ checks: ['jobs'], shrinks: ['stuck', 'jobs'] })
  })

  test('can be read by the checks of the verification, which then need them', () => {
    const beside = paused.replace(
      /again: \[queue, stuck\]\n.*\n/,
      [
        'again: [stuck]',
        '      checks:',
        '        jobs: { check: bullmq.jobs, with: { connection: maestro-queue, ids: "${{ stuck.rows.map(r, r.job_id) }}" } }',
        '      until: size(jobs.rows) == 0',
        '',
      ].join('\n'),
    )
    const { verify } = plan(beside).remedies['resume-queue']!
    expect(verify.checks.map(({ name, needs }) => [name, needs])).toEqual([
      ['stuck', []],
      ['jobs', ['stuck']],
    ])
    // Missing rows of `stuck` could hide jobs, so both checks can change the condition.
    expect(verify.until.shrinks).toEqual(expect.arrayContaining(['jobs', 'stuck']))
  })

  test('can be used by wait too', () => {
    const waiting = paused.replace(
      '        with: { connection: maestro-queue }\n    approval',
      '        with: { connection: maestro-queue }\n        wait: { again: [queue], until: "!queue.paused", within: 1m }\n    approval',
    )
    const [action] = plan(waiting).remedies['resume-queue']!.actions
    expect(action!.wait).toMatchObject({ checks: [{ name: 'queue', kind: 'bullmq.queue' }], withinMs: 60_000 })
  })
})

test('a remedy that is verified like another one has the same verification', () => {
  const like = readFileSync(new URL('../../fixtures/runbooks/valid/like-with-more.yaml', import.meta.url), 'utf8')
  const { remedies } = plan(like)
  expect(remedies['pause-over']!.verify).toEqual(remedies['resume-queue']!.verify)
})

test('only notifications and manual steps need neither approval nor verification', () => {
  const action = '      - action: notify\n        with: { channel: oncall, message: "${{ queue.waiting }} wait" }\n'
  const [before, after] = minimal.split('  resume-queue:\n    title: Resume the queue\n    do:\n')
  const rest = after!.slice(after!.indexOf('  fail-runs:'))
  const { remedies } = plan(`${before}  resume-queue:\n    title: Notify\n    do:\n${action}${rest}`)
  expect(remedies['resume-queue']).toMatchObject({ approval: { auto: true }, verify: { until: { cel: 'true' } } })
})

test('only the kinds that are passed to the compiler are known', () => {
  const echo: Kind = {
    name: 'test.echo',
    access: 'read',
    summary: '',
    doc: '',
    parameters: { text: { type: { value: 'string' }, required: true, doc: 'What to say.', literal: false } },
    result: () => ({ object: { text: 'string' } }),
    timeoutMs: 1_000,
    example: '',
  }
  const text = minimal.replace(
    '  queue:\n',
    '  echo: { check: test.echo, with: { text: "${{ inputs.threshold }}" } }\n  queue:\n',
  )
  const rules = (checks?: Kind[]) =>
    compileRunbook(text, { file: 'a.yaml', ...(checks ? { checks } : {}) }).problems.map(({ rule, line }) => [
      rule,
      line,
    ])
  expect(rules()).toEqual([['unknown-check', 20]])
  // Now test.echo is known, but a duration is not a string; the kinds of the fixture are unknown.
  expect(rules([echo])[0]).toEqual(['unknown-check', 12])
  expect(rules([echo])).toContainEqual(['type-mismatch', 20])
})

test('all problems of a file are reported at once, each at its place', () => {
  const text = minimal
    .replace('queue.paused', 'queue.pausd')
    .replace('within: 15m', 'within: 15')
    .replace('table: runs', 'tabel: runs')
  const { problems } = compileRunbook(text, { file: 'a.yaml' })
  expect(problems.map(({ rule, line, column }) => `${line}:${column} ${rule}`)).toEqual([
    '26:11 unknown-property',
    '40:39 bad-duration',

    '55:11 unknown-parameter',
  ])
})

test('the place of a problem inside a block string is correct', () => {
  const block = minimal.replace(
    '    when: queue.paused\n',
    '    when: |\n      queue.paused &&\n        queue.waitin > 5\n',
  )
  const { problems } = compileRunbook(block, { file: 'a.yaml' })
  expect(problems).toMatchObject([{ line: 28, column: 9, endColumn: 21, rule: 'unknown-property' }])
  const sql = minimal.replace('FROM runs WHERE', 'INTO copy FROM runs WHERE')
  expect(compileRunbook(sql, { file: 'a.yaml' }).problems).toMatchObject([{ line: 17, column: 9, rule: 'sql-write' }])
})

test('an expression in a string ends at its own closing braces', () => {
  expect(splitTemplate("a ${{ {'x': '}}'}.x }} b")).toEqual(['a ', { cel: "{'x': '}}'}.x", offset: 6 }, ' b'])
  expect(splitTemplate('${{ a }}${{ b }}')).toEqual([
    { cel: 'a', offset: 4 },
    { cel: 'b', offset: 12 },
  ])
  expect(splitTemplate('x ${{ a')).toEqual({ unclosed: 2 })
})

test('an input must have its type and be within its bounds', () => {
  const bounds = { type: 'int' as const, optional: false, min: 1, max: 5 }
  expect(violation(bounds, 3)).toBeUndefined()
  expect(violation(bounds, 6)).toBe('must be at most 5')
  expect(violation(bounds, '3')).toBe('must be a whole number')
  expect(violation({ type: 'duration', optional: false }, '5')).toContain('a duration')
  expect(violation({ type: 'string', optional: false, pattern: '[a-z]+' }, 'ab\n')).toBe('must match [a-z]+')
  expect(violation({ type: 'string', optional: false, enum: ['a'] }, 'b')).toBe('must be one of a')
})

test('a duration is at most 24 days, because timers cannot run longer', () => {
  const withTimeout = (timeout: string) =>
    compileRunbook(stuck.replace(/within: \w+/, `within: ${timeout}`), { file: 'a.yaml' }).problems
  expect(withTimeout('24d').filter(({ rule }) => rule === 'bad-duration')).toEqual([])
  expect(withTimeout('25d')).toMatchObject([{ rule: 'bad-duration', message: expect.stringContaining('at most 24d') }])
})

test('no check has the name "verdict": at its place the result of "verify" is stored', () => {
  const { problems } = compileRunbook(stuck.replaceAll('stuckRuns', 'verdict'), { file: 'a.yaml' })
  expect(problems.filter(({ rule }) => rule === 'name-taken')).toMatchObject([
    { message: expect.stringContaining('"verdict" is where') },
  ])
})
