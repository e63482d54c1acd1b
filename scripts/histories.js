import { run } from './run.js'

/**
 * Records the histories that test/unit/workflows/replay.test.ts replays, on an embedded stack: those that do not exist yet, or again
 * those whose names are given. They are described in test/support/history-cases.ts.
 */
const names = process.argv.slice(2).join('|')
const vitest = [
  'node_modules/vitest/vitest.mjs',
  'run',
  '--project',
  'integration',
  'test/integration/histories.test.ts',
]
const env = { ...process.env, RUNBOOK_WRITE: names ? 'replace' : 'new' }
const { code } = await run(process.execPath, [...vitest, ...(names ? ['-t', `^(${names})$`] : [])], { show: true, env })
process.exitCode = code
