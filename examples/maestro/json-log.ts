import { closeSync, fstatSync, mkdirSync, openSync, renameSync, writeSync } from 'node:fs'
import { join } from 'node:path'

export type LogFields = Record<string, string | number | boolean | null | undefined>

/** Writes one JSON object per line: `time`, `level`, `event`, `process`, `pid`, then the fields of the event. */
export interface JsonLog {
  info(event: string, fields?: LogFields): void
  warn(event: string, fields?: LogFields): void
  error(event: string, fields?: LogFields): void
}

const MAX_LOG_BYTES = 5_000_000

/** Opens `<dir>/logs/<process>.jsonl`. Lines are written synchronously, because the last line before a crash often shows its cause. */
export function openLog(dir: string, processName: string): JsonLog {
  const folder = join(dir, 'logs')
  mkdirSync(folder, { recursive: true })
  const path = join(folder, `${processName}.jsonl`)
  let fd = openSync(path, 'a', 0o600)
  let size = fstatSync(fd).size

  const write = (level: string, event: string, fields: LogFields = {}): void => {
    const line = Buffer.from(
      `${JSON.stringify({ time: new Date().toISOString(), level, event, process: processName, pid: process.pid, ...fields })}\n`,
    )
    if (size + line.length > MAX_LOG_BYTES) {
      closeSync(fd)
      renameSync(path, join(folder, `${processName}.old.jsonl`))
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
