import { closeSync, fstatSync, mkdirSync, openSync, renameSync, writeSync } from 'node:fs'
import { join } from 'node:path'

export type LogFields = Record<string, string | number | boolean | null | undefined>

/** One JSON object per line: `time`, `level`, `event`, `process`, `pid`, then the fields of the event. */
export interface JsonLog {
  info(event: string, fields?: LogFields): void
  warn(event: string, fields?: LogFields): void
  error(event: string, fields?: LogFields): void
}

const MOST_BYTES = 5_000_000

/** Opens `<dir>/logs/<process>.jsonl`. Lines are written synchronously: the last one before a crash is what tells its cause. */
export function openLog(dir: string, process_: string): JsonLog {
  const folder = join(dir, 'logs')
  mkdirSync(folder, { recursive: true })
  const path = join(folder, `${process_}.jsonl`)
  let fd = openSync(path, 'a', 0o600)
  let size = fstatSync(fd).size

  const write = (level: string, event: string, fields: LogFields = {}): void => {
    const line = Buffer.from(
      `${JSON.stringify({ time: new Date().toISOString(), level, event, process: process_, pid: process.pid, ...fields })}\n`,
    )
    if (size + line.length > MOST_BYTES) {
      closeSync(fd)
      renameSync(path, join(folder, `${process_}.old.jsonl`))
      fd = openSync(path, 'a', 0o600)
      size = 0
    }
    writeSync(fd, line)
    size += line.length
  }
  return {
    info: (event, fields) => write('info', event, fields),
    warn: (event, fields) => write('warn', event, fields),
    error: (event, fields) => write('error', event, fields),
  }
}
