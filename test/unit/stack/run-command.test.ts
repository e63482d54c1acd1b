import { expect, test } from 'vitest'
import { identify } from '../../../src/stack/process-identity.ts'
import { lastLine, runCommand } from '../../../src/stack/run-command.ts'

test('a tool that fails is told by its code and its last line', async () => {
  const result = await runCommand('sh', ['-c', 'echo first; echo second >&2; exit 3'])
  expect(result.code).toBe(3)
  expect(lastLine(result)).toBe('second')
})

test('a tool that is not there is a result, not an error', async () => {
  expect(lastLine(await runCommand('/no/such/tool', []))).toMatch(/ENOENT/)
})

test('a tool that takes too long is ended, with what it started', async () => {
  const result = await runCommand('sh', ['-c', 'sleep 60 & echo $!; wait'], { timeoutMs: 100 })
  expect(result.code).toBeNull()
  await expect.poll(() => identify(Number(result.output))).toBeNull()
})
