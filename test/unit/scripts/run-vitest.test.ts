import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'

interface Counted {
  passed: number
  failed: number
}
const script = new URL('../../../scripts/run-vitest.js', import.meta.url).href
const { countTests } = (await import(script)) as {
  countTests(report: string, result: { code: number; overBudget: boolean }): Counted
}

let dir: string
let report: string
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'report-'))
  report = join(dir, 'report.json')
})
afterEach(() => rm(dir, { recursive: true, force: true }))

const file = (status: string, ...tests: string[]) => ({
  status,
  assertionResults: tests.map((result) => ({ status: result })),
})

test.each([
  ['all passed', 0, [file('passed', 'passed', 'passed', 'skipped')], { passed: 2, failed: 0 }],
  ['one failed', 1, [file('failed', 'passed', 'failed')], { passed: 1, failed: 1 }],
  ['a file could not be loaded', 1, [file('failed'), file('passed', 'passed')], { passed: 1, failed: 1 }],
  ['there was an error outside of any test', 1, [file('passed', 'passed')], { passed: 1, failed: 1 }],
])('when %s', async (_name, code, testResults, expected) => {
  await write(testResults)
  expect(countTests(report, { code, overBudget: false })).toEqual(expected)
})

test('a suite that was ended because of its time limit has failed, whatever it reported', async () => {
  await write([file('passed', 'passed')])
  expect(countTests(report, { code: 0, overBudget: true })).toEqual({ passed: 1, failed: 1 })
})

test('a suite that reported nothing has failed', () => {
  expect(countTests(report, { code: 0, overBudget: false })).toEqual({ passed: 0, failed: 1 })
})

function write(testResults: ReturnType<typeof file>[]): Promise<void> {
  const numPassedTests = testResults
    .flatMap((one) => one.assertionResults)
    .filter((one) => one.status === 'passed').length
  return writeFile(report, JSON.stringify({ numPassedTests, testResults }))
}
