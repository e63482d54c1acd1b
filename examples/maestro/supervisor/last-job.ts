import { closeSync, fstatSync, openSync, readSync } from 'node:fs'

const TAIL_BYTES = 65_536

/**
 * Returns the job of the last line that a process logged, if that line is the start of a step; otherwise null.
 * This is the only trace of a job that crashes its process: other jobs of that process are started and interrupted just as often.
 */
export function lastJobOf(logFile: string, pid: number | undefined): string | null {
  if (pid === undefined) return null
  for (const line of readTail(logFile).split('\n').reverse()) {
    const entry = parse(line)
    if (entry?.pid !== pid) continue
    return entry?.event === 'step.started' && typeof entry.job === 'string' ? entry.job : null
  }
  return null
}

function readTail(file: string): string {
  try {
    const fd = openSync(file, 'r')
    try {
      const { size } = fstatSync(fd)
      const tail = Buffer.alloc(Math.min(size, TAIL_BYTES))
      readSync(fd, tail, 0, tail.length, size - tail.length)
      return tail.toString('utf8')
    } finally {
      closeSync(fd)
    }
  } catch {
    return ''
  }
}

function parse(line: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(line) as Record<string, unknown>
  } catch {
    return undefined
  }
}
