import { run } from './run.js'

/**
 * Records, on an embedded stack, the histories that test/unit/workflows/replay.test.ts replays. Without arguments it records the histories
 * that do not exist yet; with names, it records these again. The histories are described in test/support/history-cases.ts.
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
