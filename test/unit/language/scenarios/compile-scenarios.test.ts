import { readFileSync, readdirSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { compileRunbook } from '../../../../src/language/compile.ts'
import { renderText } from '../../../../src/language/problems.ts'
import { compileScenarios } from '../../../../src/language/scenarios/compile-scenarios.ts'

const fixtures = new URL('../../../fixtures/', import.meta.url)
const read = (path: string) => readFileSync(new URL(path, fixtures), 'utf8')
const plan = compileRunbook(read('runbooks/valid/minimal.yaml'), { file: 'minimal.yaml' }).plan!
const broken = readdirSync(new URL('scenarios/broken/', fixtures))
const valid = read('scenarios/valid.yaml')

test('a valid file has no problems, and its results are complete', () => {
  const { scenarios, problems } = compileScenarios(valid, 'minimal.test.yaml', plan)
  expect(renderText(problems)).toBe('')
  const [scenario] = scenarios
  expect(scenario!.inputs).toEqual({ run: null, threshold: '5m' })
  expect(scenario!.checks.get('stuck')![0]).toEqual({
    from: 'opened',
    afterMs: 0,
    result: { rows: [{ id: 'run-1', attempt: 1, job_id: 'job-1' }], truncated: false },
  })
  expect(scenario!.checks.get('queue')![0]!.result).toMatchObject({ waiting: 0, stalledChecker: null })
  expect(scenario!.decisions).toEqual([{ decision: 'approve', targets: ['run-1'], afterMs: 120_000 }])
})

describe('a mistake is one problem, of the rule in the name of the file', () => {
  test.each(broken)('%s', (file) => {
    const { scenarios, problems } = compileScenarios(read(`scenarios/broken/${file}`), file, plan)
    expect(
      problems.map(({ rule }) => rule),
      renderText(problems),
    ).toEqual([file.replace('.yaml', '').split('--')[0]])
    expect(problems[0]!.frame).toContain('^')
    expect(scenarios).toEqual([])
  })
})

test('the given of a scenario replaces single fields of the given of the file', () => {
  const text = valid.replace(
    '        stuck:\n          - result',
    '        queue: { paused: true }\n        stuck:\n          - result',
  )
  const { scenarios } = compileScenarios(text, 'minimal.test.yaml', plan)
  expect(scenarios[0]!.checks.get('queue')![0]!.result).toMatchObject({ paused: true, workers: 1 })
})
