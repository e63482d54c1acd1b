import { expect, test } from 'vitest'
import { identify } from '../../../src/stack/process-identity.ts'
import { lastLine, runCommand } from '../../../src/stack/run-command.ts'

test('for a tool that fails, the exit code and the last line are returned', async () => {
  const result = await runCommand('sh', ['-c', 'echo first; echo second >&2; exit 3'])
  expect(result.code).toBe(3)
  expect(lastLine(result)).toBe('second')
})

test('a tool that does not exist is a result, not an error', async () => {
  expect(lastLine(await runCommand('/no/such/tool', []))).toMatch(/ENOENT/)
})

test('a tool that takes too long is ended, together with its children', async () => {
  const result = await runCommand('sh', ['-c', 'sleep 60 & echo $!; wait'], { timeoutMs: 100 })
  expect(result.code).toBeNull()
  await expect.poll(() => identify(Number(result.output))).toBeNull()
})
