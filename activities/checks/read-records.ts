import type { LogTail } from '../../src/targets/read-logs.ts'
import { parseRecord, unwrap } from './parse-log-line.ts'
import type { LogRecord } from './parse-log-line.ts'

/** A message with its stack trace is not kept longer than this. */
const MAX_MESSAGE_LENGTH = 32 * 1024
const MAX_PARTS_LENGTH = 1024 * 1024

/**
 * The records of a file's lines, in order: parts of a line that a container runtime split are joined, and the lines of a stack trace
 * belong to the text record before them.
 */
export function* readRecords({ lines, isGrowing }: LogTail): Generator<LogRecord> {
  const parts = new Map<string, string>()
  let open: LogRecord | undefined
  for (const { line, isLast } of withLast(lines)) {
    const { partial, ...outer } = unwrap(line)
    const stream = outer.stream ?? ''
    const before = parts.get(stream)
    const text = before === undefined ? outer.text : before + outer.text
    if (partial && text.length < MAX_PARTS_LENGTH) {
      parts.set(stream, text)
      continue
    }
    parts.delete(stream)
    const record = parseRecord({ ...outer, text })
    // The program is writing the last line at this moment.
    if (isLast && isGrowing && !record.object) break
    if (open && continues(record, outer.stream !== undefined)) {
      append(open, record.text)
      continue
    }
    if (open) yield open
    open = record
  }
  if (open) yield open
  for (const text of parts.values()) yield parseRecord({ text })

  function continues(record: LogRecord, isWrapped: boolean): boolean {
    if (record.object || open!.object || !open!.time) return false
    // In a container's log every line has a time of its own.
    if (isWrapped) return /^\s|^Caused by: |^[}\])]/.test(record.text)
    // `Error: …` begins a stack trace, `ERROR …` and `error: …` begin a record.
    const isOwn = record.level !== null && !/^[A-Z][a-z]/.test(record.text)
    return !record.time && !isOwn && !record.text.startsWith('{')
  }
}

function* withLast(lines: Iterable<string>): Generator<{ line: string; isLast: boolean }> {
  let before: string | undefined
  for (const line of lines) {
    if (before !== undefined) yield { line: before, isLast: false }
    before = line
  }
  if (before !== undefined) yield { line: before, isLast: true }
}

function append(record: LogRecord, line: string): void {
  if (record.text.length + line.length > MAX_MESSAGE_LENGTH) return
  record.text += `\n${line}`
  record.message = `${record.message ?? ''}\n${line}`
}
