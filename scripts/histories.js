import { run } from './run.js'

/**
 * Records the histories that test/unit/workflows/replay.test.ts replays, on an embedded stack: all, or the cases named.
 * New ones are described in test/support/history-cases.ts.
 */
const names = process.argv.slice(2).join('|')
const vitest = [
  'node_modules/vitest/vitest.mjs',
  'run',
  '--project',
  'integration',
  'test/integration/histories.test.ts',
]
const env = { ...process.env, RUNBOOK_WRITE: '1' }
const { code } = await run(process.execPath, [...vitest, ...(names ? ['-t', `^(${names})$`] : [])], { show: true, env })
process.exitCode = code
