import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { loadConfig } from '../../../src/config/load-config.ts'
import { compileRunbook } from '../../../src/language/compile.ts'
import { renderText } from '../../../src/language/problems.ts'

const bench = fileURLToPath(new URL('../../../bench/', import.meta.url))

test('the runbook of the benchmark compiles against its configuration without problems', () => {
  const address = 'postgres://reader@127.0.0.1:5432/bench'
  const env = {
    RUNBOOK_DATABASE_URL: address,
    BENCH_DB_READ: address,
    RUNBOOK_SIGNING_KEY: 'not used to compile',
    SLACK_WEBHOOK: 'http://127.0.0.1:1/',
  }
  const { connections, channels } = loadConfig({ cwd: bench, env })
  const text = readFileSync(`${bench}five-checks.yaml`, 'utf8')
  const { problems } = compileRunbook(text, {
    file: 'five-checks.yaml',
    connections: Object.fromEntries(Object.entries(connections).map(([name, { kind }]) => [name, kind])),
    channels: Object.keys(channels),
  })
  expect(renderText(problems)).toBe('')
})
