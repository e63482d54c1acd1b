import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'

interface Counted {
  passed: number
  failed: number
  failures: string[]
}
const root = fileURLToPath(new URL('../../..', import.meta.url))
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
  name: join(root, 'test/unit/a.test.ts'),
  status,
  message: status === 'failed' ? 'Cannot find module' : '',
  assertionResults: tests.map((result) => ({
    status: result,
    fullName: 'a job waits',
    failureMessages: result === 'failed' ? ['\u001b[31mAssertionError: 1 is not 2\u001b[39m\n    at a.test.ts:3'] : [],
  })),
})

test.each([
  ['all passed', 0, [file('passed', 'passed', 'passed', 'skipped')], 2, []],
  [
    'one failed',
    1,
    [file('failed', 'passed', 'failed')],
    1,
    ['test/unit/a.test.ts > a job waits: AssertionError: 1 is not 2'],
  ],
  [
    'a file could not be loaded',
    1,
    [file('failed'), file('passed', 'passed')],
    1,
    ['test/unit/a.test.ts: Cannot find module'],
  ],
  ['there was an error outside of any test', 1, [file('passed', 'passed')], 1, ['an error outside of any test']],
])('the failures are counted and named when %s', async (_name, code, testResults, passed, failures) => {
  await write(testResults)
  expect(countTests(report, { code, overBudget: false })).toEqual({ passed, failed: failures.length, failures })
})

test('a suite that was ended because of its time limit has failed, whatever it reported', async () => {
  await write([file('passed', 'passed')])
  expect(countTests(report, { code: 0, overBudget: true })).toEqual({
    passed: 1,
    failed: 1,
    failures: ['the suite reached its time limit'],
  })
})

test('a suite that reported nothing has failed', () => {
  expect(countTests(report, { code: 0, overBudget: false })).toEqual({
    passed: 0,
    failed: 1,
    failures: ['vitest wrote no report'],
  })
})

function write(testResults: ReturnType<typeof file>[]): Promise<void> {
  const numPassedTests = testResults
    .flatMap((one) => one.assertionResults)
    .filter((one) => one.status === 'passed').length
  return writeFile(report, JSON.stringify({ numPassedTests, testResults }))
}
