import type { Json, JsonObject } from '../../src/core/json.ts'

export const LEVEL_FIELDS = [
  ...['level', 'severity', 'levelname', 'log.level', 'loglevel', 'lvl', '@l', 'severityText', 'level_name'],
  ...['Level', 'LogLevel', 'Severity', 'SeverityText'],
]
export const MESSAGE_FIELDS = [
  ...['msg', 'message', 'short_message', '@m', '@mt', 'body.stringValue', 'body'],
  ...['textPayload', 'Message', 'RenderedMessage', 'fields.message'],
]

/** The names of the level numbers that pino and bunyan write. */
const NUMBERS: Record<string, string> = { 10: 'trace', 20: 'debug', 30: 'info', 40: 'warn', 50: 'error', 60: 'fatal' }
/** The names of the level numbers 0 to 7 that syslog, journald and GELF write. */
const SYSLOG = ['fatal', 'fatal', 'fatal', 'error', 'warn', 'info', 'info', 'debug']
const WORDS: Record<string, string> = {
  ...{ err: 'error', eror: 'error', e: 'error', severe: 'error', warning: 'warn', wrn: 'warn', w: 'warn' },
  ...{ information: 'info', informational: 'info', inf: 'info', i: 'info', dbg: 'debug', dbug: 'debug', d: 'debug' },
  ...{ trc: 'trace', ftl: 'fatal', f: 'fatal' },
}

/** Returns one name for each level in all its spellings: 50, "50", "ERROR" and "err" become `error`. Other values become their own text. */
export function levelName(value: Json | undefined, line?: JsonObject): string | null {
  if (value == null) return null
  // A line with `short_message` is in the GELF format, whose levels are the numbers of syslog.
  if (line && typeof line['short_message'] === 'string' && syslogLevel(value)) return syslogLevel(value)
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  const lower = text.toLowerCase()
  if (Object.hasOwn(NUMBERS, text)) return NUMBERS[text]!
  if (Object.hasOwn(WORDS, lower)) return WORDS[lower]!
  // Go's slog writes a level between two names as a name with an offset, such as `INFO+2`.
  const between = /^(debug|info|warn|error)[+-]\d{1,4}$/.exec(lower)
  if (between) return between[1]!
  return isLevelWord(lower) ? lower : text
}

/** Whether the level is a word. A number with an unknown meaning is not. */
export function isLevelWord(level: string): boolean {
  return /^[a-z]+$/.test(level)
}

export function syslogLevel(value: Json | undefined): string | null {
  return SYSLOG[Number(value ?? NaN)] ?? null
}
