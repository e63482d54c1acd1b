import { isJsonObject } from '../../src/core/json.ts'
import type { Json, JsonObject } from '../../src/core/json.ts'
import { parseOutsideJson } from '../../src/core/parse-json.ts'
import { isLevelWord, LEVEL_FIELDS, levelName, MESSAGE_FIELDS, syslogLevel } from './log-levels.ts'
import { parseLogfmt } from './parse-logfmt.ts'
import { parseTime, TIME_FIELDS } from './parse-time.ts'
import type { Time } from './parse-time.ts'

export interface LogRecord {
  /** The time of the line; undefined if the line has no readable time. */
  time: Time | undefined
  level: string | null
  message: string | null
  /** All fields of the line's JSON object; null if the line has no JSON object. */
  object: JsonObject | null
  /** The names of the fields in `object` that hold `time`, `level` and `message`. */
  taken: string[]
  /** The original line, without the text that a container runtime adds. */
  text: string
  /** The text before the JSON object that was not understood. */
  before: string
}

/** The text that a container runtime or log collector added around a line. */
interface Unwrapped {
  text: string
  time?: Time | undefined
  level?: string | null
  stream?: string
  /** Whether the runtime split a long line, so that the next part of the same stream continues it. */
  partial: boolean
}

/** The maximum length of a line that is parsed. */
const MAX_LINE_LENGTH = 1024 * 1024
const MAX_PREFIX = 200
const CRI = /^(\d{4}-\d\d-\d\dT[\d:.]{8,20}(?:Z|[+-]\d\d:\d\d)) (stdout|stderr) ([FP]) /
/** The prefix of a process manager: `0|worker  | ` of pm2, `worker-1  | ` of docker compose, `[pod/worker-x/main] ` of kubectl. */
export const PROCESS_PREFIX = /^(?:[\w.-]{1,60}(?:\|[\w.-]{1,60})?\s{0,20}\| |\[pod\/[\w./-]{1,300}\] )/
/** The number at the beginning of a syslog line, which contains the level. */
const PRIORITY = /^<(\d{1,3})>(?:\d )? ?/
const LEADING_TIME =
  /^\[?(\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?: ?(?:Z|UTC|GMT|[+-]\d\d:?\d\d))?)(?: #\d{1,10})?\]?:?\s{0,8}/
const WORDS = 'trace|debug|verbose|info|notice|warn|warning|error|err|fatal|critical|crit|emerg|panic'
const LEADING_LEVEL = new RegExp(`^[[(<|\\s-]{0,3}(${WORDS})\\b(?:\\s?\\(\\d{1,10}\\))?[\\])>|:\\s-]{0,4}`, 'i')
/** The text that may be between the time and the level: a process id, a thread, the id of a request, or the name of a logger. */
const CONTEXT = /^(?:(?:\[[^\]]{1,80}\]|[0-9a-f]{8}-[0-9a-f-]{27}|- [\w.:-]{1,80} -)[\s:]{1,4}){1,3}/i
/**
 * The form of a level after such a text, or before a time. It is stricter, because a word in the middle of a message must not be mistaken
 * for the level.
 */
const STRICT_LEVEL = new RegExp(
  `^(?:\\[(${WORDS}|${WORDS.toUpperCase()})\\]|(${WORDS.toUpperCase()})\\b|([DIWEF]),|(?:[\\w-]{1,40}\\.)(${WORDS.toUpperCase()}):)[:|\\s-]{0,4}`,
  'u',
)
// oxlint-disable-next-line no-control-regex
const COLOURS = /\u001b\[[0-9;]{0,20}m/g

/** Removes the text that a container runtime, journald or a process manager added around a line. */
export function unwrap(line: string): Unwrapped {
  const cri = CRI.exec(line.slice(0, 80))
  if (cri) return { text: line.slice(cri[0].length), time: parseTime(cri[1]), stream: cri[2]!, partial: cri[3] === 'P' }
  if (!line.startsWith('{')) return { text: line, partial: false }
  const object = line.length > MAX_LINE_LENGTH ? undefined : parseOutsideJson(line)
  if (!isJsonObject(object)) return { text: line, partial: false }
  const { log, stream, MESSAGE, message, line: entryOfLoki } = object as JsonObject
  if (typeof log === 'string' && (typeof stream === 'string' || isJsonObject(object['kubernetes'])))
    return {
      text: log.replace(/\r?\n$/, ''),
      time: parseTime(object['time'] ?? object['@timestamp']),
      stream: String(stream),
      // In the container runtime's own format a complete line ends with a line break; other formats remove it.
      partial: !log.endsWith('\n') && Object.keys(object).length <= 4 && object['time'] !== undefined,
    }
  const journal = Number(object['__REALTIME_TIMESTAMP'])
  const entry = typeof MESSAGE === 'string' ? MESSAGE : textOfBytes(MESSAGE)
  if (entry !== undefined && journal > 0)
    return {
      text: entry,
      time: { at: journal / 1000 },
      level: syslogLevel(object['PRIORITY']),
      partial: false,
    }
  if (typeof message === 'string' && object['process_id'] !== undefined && object['app_name'] !== undefined)
    return { text: message.trimEnd(), time: parseTime(object['timestamp']), partial: false }
  const collected = typeof entryOfLoki === 'string' && isJsonObject(object['labels']) ? entryOfLoki : message
  // Vector and Loki keep the line of the program in a field.
  if (typeof collected === 'string' && (collected === entryOfLoki || typeof object['source_type'] === 'string'))
    return { text: collected.trimEnd(), time: parseTime(object['timestamp']), partial: false }
  return { text: line, partial: false }
}

/** Parses a whole line, without the text around it, to a record. The time that it takes is linear in the line's length. */
export function parseRecord({ text: written, time, level = null }: Omit<Unwrapped, 'partial'>): LogRecord {
  const text = written.includes('\u001b') ? written.replace(COLOURS, '') : written
  const start = text.slice(0, MAX_PREFIX).indexOf('{')
  const candidate = start >= 0 && text.length <= MAX_LINE_LENGTH && text.trimEnd().endsWith('}')
  const pairs = text.length <= MAX_LINE_LENGTH ? parseLogfmt(text) : undefined
  const value = pairs ?? (candidate ? parseOutsideJson(text.slice(start)) : undefined)
  const prefix = parseText(pairs ? '' : value === undefined ? text : text.slice(0, start))
  const outer = { time: exactOf(prefix.time, time), level: prefix.level ?? level }
  if (!isJsonObject(value)) return { ...outer, message: prefix.message, object: null, taken: [], text, before: '' }
  const object = isJsonObject(value['jsonPayload']) ? { ...value, ...value['jsonPayload'] } : (value as JsonObject)
  const times = TIME_FIELDS.filter((name) => parseTime(fieldOf(object, name)) !== undefined)
  const timeField = times.find((name) => isExact(parseTime(fieldOf(object, name)))) ?? times[0]
  const levels = LEVEL_FIELDS.filter((name) => fieldOf(object, name) !== undefined)
  const nameOf = (name: string) => levelName(fieldOf(object, name), object)
  const levelField = levels.find((name) => isLevelWord(nameOf(name) ?? '')) ?? levels[0]
  const messageField = MESSAGE_FIELDS.find((name) => fieldOf(object, name) !== undefined)
  return {
    time: timeField === undefined ? outer.time : exactOf(parseTime(fieldOf(object, timeField)), outer.time),
    level: levelField === undefined ? outer.level : nameOf(levelField),
    message: messageField === undefined ? prefix.message || null : textOf(fieldOf(object, messageField)),
    object,
    taken: [timeField, levelField, messageField].flatMap((name) => name ?? []),
    text,
    before: prefix.message.trim(),
  }
}

/** The time that the program wrote. If that time has no zone and the collector's time has one, the collector's time is used. */
function exactOf(own: Time | undefined, collected: Time | undefined): Time | undefined {
  return isExact(own) || !isExact(collected) ? (own ?? collected) : collected
}

function isExact(time: Time | undefined): boolean {
  return time !== undefined && 'at' in time
}

/** Matches a date with time and a level at the beginning of a text line, in either order. */
function parseText(line: string): { time: Time | undefined; level: string | null; message: string } {
  let rest = line.replace(PROCESS_PREFIX, '')
  const priority = PRIORITY.exec(rest)
  if (priority) rest = rest.slice(priority[0].length)
  const early = STRICT_LEVEL.exec(rest.slice(0, 60))
  const isTimed = early !== null && LEADING_TIME.test(rest.slice(early[0].length, 140))
  if (isTimed) rest = rest.slice(early[0].length)
  const time = LEADING_TIME.exec(rest.slice(0, 80))
  if (time) rest = rest.slice(time[0].length)
  const found = (isTimed ? null : leadingLevel(rest)) ?? contextLevel(rest)
  if (found) rest = rest.slice(found.length)
  const word = found?.word ?? (isTimed ? wordOf(early) : undefined)
  return {
    time: time ? parseTime(time[1]!.replaceAll('/', '-')) : undefined,
    level: word ? levelName(word) : priority ? syslogLevel(Number(priority[1]) % 8) : null,
    message: rest,
  }
}

interface Level {
  word: string
  /** The length of the text that comes before the message. */
  length: number
}

function leadingLevel(text: string): Level | null {
  const level = LEADING_LEVEL.exec(text.slice(0, 60))
  // In `Error rate is low`, the word is the beginning of a message.
  if (level && /^[A-Z][a-z]+ +[^\s\])>|:-]/.test(level[0] + text.slice(level[0].length, level[0].length + 1)))
    return null
  return level && { word: level[1]!.toLowerCase(), length: level[0].length }
}

function contextLevel(text: string): Level | null {
  const before = CONTEXT.exec(text.slice(0, MAX_PREFIX))?.[0].length ?? 0
  const level = STRICT_LEVEL.exec(text.slice(before, before + 60))
  return level && { word: wordOf(level), length: before + level[0].length }
}

function wordOf([, ...words]: RegExpExecArray): string {
  return words.find((word) => word !== undefined)!.toLowerCase()
}

/** The value of a field by its name, or by the path of a nested field, such as `err.code`. */
export function fieldOf(object: JsonObject, name: string): Json | undefined {
  if (Object.hasOwn(object, name)) return object[name]
  const dot = name.indexOf('.')
  if (dot < 0) return undefined
  let value: Json | undefined = object
  for (const part of name.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined
    value = (value as JsonObject)[part]
  }
  return value
}

/** journald writes a message with colours or other control characters as the numbers of its bytes. */
function textOfBytes(value: Json | undefined): string | undefined {
  const isText = Array.isArray(value) && value.every((byte) => typeof byte === 'number' && byte >= 0 && byte < 256)
  return isText ? new TextDecoder().decode(Uint8Array.from(value as number[])) : undefined
}

function textOf(value: Json | undefined): string | null {
  return value == null ? null : typeof value === 'string' ? value : JSON.stringify(value)
}
