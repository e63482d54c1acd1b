import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { lastJobOf } from '../../../examples/maestro/supervisor/last-job.ts'
import { temporaryFolder } from './temporary-folder.ts'

function logOf(...lines: (object | string)[]): string {
  const file = join(temporaryFolder(), 'worker-1.jsonl')
  writeFileSync(file, lines.map((line) => `${typeof line === 'string' ? line : JSON.stringify(line)}\n`).join(''))
  return file
}

const started = (pid: number, job: string) => ({ event: 'step.started', pid, job })

test('the last job of a dead process is the job of its last log line, even if other processes logged later', () => {
  const file = logOf(started(7, 'neighbour'), started(7, 'poison'), started(8, 'later'), {
    event: 'process.started',
    pid: 8,
  })
  expect(lastJobOf(file, 7)).toBe('poison')
})

test('a process whose last log line is not a step start has no last job', () => {
  const file = logOf(started(7, 'done'), { event: 'step.completed', pid: 7, job: 'done' })
  expect(lastJobOf(file, 7)).toBeNull()
  expect(lastJobOf(file, 9)).toBeNull()
  expect(lastJobOf(file, undefined)).toBeNull()
})

test('a line that the crash cut off is ignored, and a missing log file gives null', () => {
  expect(lastJobOf(logOf(started(7, 'poison'), '{"event":"step.com'), 7)).toBe('poison')
  expect(lastJobOf('/nowhere/worker-1.jsonl', 7)).toBeNull()
})

test('only the end of a long log is read', () => {
  const noise = Array.from({ length: 5_000 }, () => started(8, 'x'.repeat(40)))
  expect(lastJobOf(logOf(...noise, started(7, 'poison')), 7)).toBe('poison')
  expect(lastJobOf(logOf(started(7, 'poison'), ...noise), 7)).toBeNull()
})
