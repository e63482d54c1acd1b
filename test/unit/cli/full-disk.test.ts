import { createWriteStream, existsSync } from 'node:fs'
import { expect, test } from 'vitest'
import { ignoreFullDisk } from '../../../src/cli/terminal.ts'

test.runIf(existsSync('/dev/full'))('a log on a full disk loses lines, and the process goes on', async () => {
  const log = createWriteStream('/dev/full')
  const seen: string[] = []
  log.on('error', (error: NodeJS.ErrnoException) => {
    seen.push(error.code ?? '')
    ignoreFullDisk(error)
  })
  log.write('a line\n')
  await new Promise<void>((resolve) => log.once('close', () => resolve()))
  expect(seen).toEqual(['ENOSPC'])
})

test('every other error of the log is thrown', () => {
  expect(() => ignoreFullDisk(Object.assign(new Error('closed'), { code: 'EBADF' }))).toThrow('closed')
})
