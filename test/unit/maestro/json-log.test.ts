import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openLog } from '../../../examples/maestro/json-log.ts'
import { temporaryFolder } from './temporary-folder.ts'

test('each call writes a line with time, process and pid to disk before it returns', () => {
  const dir = temporaryFolder()
  openLog(dir, 'worker-1').warn('step.started', { run: 'run-1', step: 'fetch', attempt: 1, text: 'a\nb' })
  const lines = readFileSync(join(dir, 'logs', 'worker-1.jsonl'), 'utf8').split('\n')
  expect(lines).toHaveLength(2)
  expect(JSON.parse(lines[0]!)).toEqual({
    time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
    level: 'warn',
    event: 'step.started',
    process: 'worker-1',
    pid: process.pid,
    run: 'run-1',
    step: 'fetch',
    attempt: 1,
    text: 'a\nb',
  })
})

test('a log that reaches its size limit is rotated, and one older file is kept', () => {
  const dir = temporaryFolder()
  const log = openLog(dir, 'worker-1')
  const text = 'x'.repeat(1_000_000)
  for (let line = 0; line < 12; line++) log.info('big', { line, text })
  expect(readdirSync(join(dir, 'logs')).sort()).toEqual(['worker-1.jsonl', 'worker-1.old.jsonl'])
  for (const file of readdirSync(join(dir, 'logs'))) {
    expect(statSync(join(dir, 'logs', file)).size).toBeLessThanOrEqual(5_000_000)
  }
  expect(readFileSync(join(dir, 'logs', 'worker-1.jsonl'), 'utf8')).toContain('"line":11')
})
