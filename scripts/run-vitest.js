import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { root, run } from './run.js'

/**
 * Runs one suite of vitest.config.ts and counts the tests in its JSON report.
 *
 * @param {string} project
 * @param {{ show?: boolean, env?: NodeJS.ProcessEnv, budgetMs?: number }} options see `run`
 * @returns {Promise<{ passed: number, failed: number, failures: string[], seconds: number, output: string, overBudget: boolean }>}
 */
export async function runVitest(project, options) {
  const dir = mkdtempSync(join(tmpdir(), 'vitest-'))
  const report = join(dir, 'report.json')
  const vitest = join(root, 'node_modules/vitest/vitest.mjs')
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
  try {
    const result = await run(process.execPath, [vitest, 'run', '--project', project, ...reporters], options)
    return { ...result, ...countTests(report, result) }
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

/** When vitest itself failed, there is at least one failure: it crashed, or there was an error outside of any test. */
export function countTests(report, { code, overBudget }) {
  if (!existsSync(report)) return { passed: 0, failed: 1, failures: ['vitest wrote no report'] }
  const { testResults, numPassedTests } = JSON.parse(readFileSync(report, 'utf8'))
  const failures = testResults.flatMap(failuresOf)
  if (overBudget) failures.push('the suite reached its time limit')
  else if (code !== 0 && failures.length === 0) failures.push('an error outside of any test')
  return { passed: numPassedTests, failed: failures.length, failures }
}

/** One line for each failed test of a file. A file that could not be loaded, or whose hooks failed, has no failed test. */
function failuresOf({ name, status, message, assertionResults }) {
  const file = relative(root, name)
  const failed = assertionResults.filter((test) => test.status === 'failed')
  if (status === 'failed' && failed.length === 0) return [`${file}: ${firstLine(message)}`]
  return failed.map((test) => `${file} > ${test.fullName}: ${firstLine(test.failureMessages?.[0])}`)
}

function firstLine(message = '') {
  return stripVTControlCharacters(message).split('\n', 1)[0].slice(0, 300)
}
