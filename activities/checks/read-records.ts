import type { LogTail } from '../../src/targets/read-logs.ts'
import { parseRecord, PROCESS_PREFIX, unwrap } from './parse-log-line.ts'
import type { LogRecord } from './parse-log-line.ts'

/** The maximum length of a message that is kept together with its stack trace. The whole text is searched. */
const MAX_MESSAGE_LENGTH = 32 * 1024
const MAX_PARTS_LENGTH = 1024 * 1024

/** Lines that only continue a record: indented lines, closing brackets, and the parts of a stack trace. */
const CONTINUATION = /^(\s|[}\])]|Caused by: |During handling of |The above exception |Traceback |-{3}|\.{3}|\^)/
/** The first line of a stack trace: `TypeError: …`, `Error [ERR_X]: …`, `java.sql.SQLException: …`. */
const EXCEPTION = /^(Uncaught |Unhandled )?([\w$]{1,100}\.){0,20}[\w$]{0,100}(Error|Exception)( \[\w{1,60}\])?(:|$)/
/**
 * Levels whose records have no stack trace. A stack trace after such a record belongs to another program or another
 * time.
 */
const QUIET = ['trace', 'debug', 'verbose', 'info', 'notice']

/**
 * The records of a file's lines, in order: parts of a line that a container runtime split are joined, and the lines of a stack trace belong
 * to the text record before them. Any other line without a time is a record without a time. It may be much newer than the line before it,
 * for example if only one library of a program writes times.
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
    // The program is writing the last line at this moment. A line that contains CR may be several lines, because its file uses no other
    // line ends.
    if (isLast && isGrowing && !record.object && !text.includes('\r')) break
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
    if (open!.text.length + record.text.length > MAX_PARTS_LENGTH) return false
    const line = record.text.replace(PROCESS_PREFIX, '')
    // In a container's log, every line has its own time.
    if (isWrapped) return CONTINUATION.test(line)
    return !record.time && (CONTINUATION.test(line) || (EXCEPTION.test(line) && !QUIET.includes(open!.level ?? '')))
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
  record.text += `\n${line}`
  if ((record.message ?? '').length + line.length > MAX_MESSAGE_LENGTH) return
  record.message = `${record.message ?? ''}\n${line}`
}
