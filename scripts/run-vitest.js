import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { root, run } from './run.js'

/**
 * Runs one suite of vitest.config.ts and counts the tests in its JSON report.
 *
 * @param {string} project
 * @param {{ show?: boolean, env?: NodeJS.ProcessEnv, budgetMs?: number }} options see `run`
 * @returns {Promise<{ passed: number, failed: number, seconds: number, output: string, overBudget: boolean }>}
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
  if (!existsSync(report)) return { passed: 0, failed: 1 }
  const { testResults, numPassedTests } = JSON.parse(readFileSync(report, 'utf8'))
  const failures = testResults.flatMap(({ status, assertionResults }) => {
    const failed = assertionResults.filter((test) => test.status === 'failed')
    // A file that could not be loaded, or whose hooks failed, has no failed test.
    return status === 'failed' && failed.length === 0 ? [status] : failed
  })
  const atLeast = code === 0 && !overBudget ? 0 : 1
  return { passed: numPassedTests, failed: Math.max(failures.length, atLeast) }
}
