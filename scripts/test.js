import { join } from 'node:path'
import { ensureBuilt } from './build.js'
import { check } from './check.js'
import { checkCompose } from './check-compose.js'
import { root } from './run.js'
import { runVitest } from './run-vitest.js'

/** Seconds after which a suite is ended and counts as failed. RUNBOOK_TEST_BUDGETS overrides them: `acceptance=900 …`. */
const BUDGETS = { integration: 1200, acceptance: 1500, chaos: 1200, pauses: 600, ...givenBudgets() }

/** Runs everything, also on a new machine: installs, checks, builds, then runs the suites on one embedded stack. */
async function test() {
  const total = { passed: 0, failed: 0, failures: [] }
  const add = ({ passed, failed, failures }) => {
    total.passed += passed
    total.failed += failed
    total.failures.push(...failures)
  }
  try {
    add(await check())
    add(await checkCompose())
    await ensureBuilt()
    await withStack(async (addresses) => {
      const env = { ...process.env, RUNBOOK_TEST_STACK: JSON.stringify(addresses) }
      for (const [suite, seconds] of Object.entries(BUDGETS)) add(await runSuite(suite, seconds, env))
    })
  } catch (error) {
    console.log(`\n${error.message}\n`)
    add({ passed: 0, failed: 1, failures: [error.message] })
    process.exitCode = error.exitCode ?? 1
  }
  return total
}

async function runSuite(suite, budget, env) {
  console.log(`\n${suite} tests, at most ${budget} s`)
  const result = await runVitest(suite, { show: true, env, budgetMs: budget * 1000 })
  const late = result.overBudget ? `, ENDED: its limit is ${budget} s` : ''
  console.log(
    `${suite} tests: ${result.passed} passed, ${result.failed} failed in ${result.seconds.toFixed(0)} s${late}`,
  )
  return result
}

/** One stack for all suites, since each start takes seconds. test/support/global-stack.ts finds it in the environment. */
async function withStack(work) {
  const { startStack } = await import('../dist/src/stack/stack.js')
  const { eraseStack } = await import('../dist/src/stack/erase-stack.js')
  const dir = join(root, `.runbook/test-stack-${process.pid}`)
  const stack = await startStack({ dir, temporal: 'memory', log: (line) => console.log(`stack: ${line}`) })
  try {
    await work({
      postgresUrl: stack.postgres.url,
      redisUrl: stack.redis.url,
      temporalAddress: stack.temporal.address,
      temporalBinary: stack.temporal.binary,
    })
  } finally {
    await stack.stop()
    await eraseStack(dir)
  }
}

function givenBudgets() {
  const pairs = (process.env.RUNBOOK_TEST_BUDGETS ?? '').split(/[\s,]+/).filter(Boolean)
  return Object.fromEntries(pairs.map((pair) => [pair.split('=')[0], Number(pair.split('=')[1])]))
}

const { passed, failed, failures } = await test()
// The end of a long output is all that some CI systems keep.
if (failed > 0) console.log(`\nfailed:\n${failures.map((failure) => `  ${failure}`).join('\n')}`)
console.log(`\n${passed} passed, ${failed} failed`)
process.exitCode ||= failed === 0 ? 0 : 1
