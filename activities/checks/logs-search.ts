import { RunbookError } from '../../src/core/errors.ts'
import { isJsonObject } from '../../src/core/json.ts'
import type { Json, JsonObject } from '../../src/core/json.ts'
import { findLogFiles } from '../../src/targets/find-log-files.ts'
import { readLogTails } from '../../src/targets/read-logs.ts'
import type { LogTail } from '../../src/targets/read-logs.ts'
import { capRows } from '../limit-result.ts'
import type { CheckImplementation } from './check.ts'
import {
  limitParameter,
  optionalDuration,
  optionalRecord,
  optionalStrings,
  requiredString,
} from './check-parameters.ts'
import { LEVEL_FIELDS, levelName, MESSAGE_FIELDS } from './log-levels.ts'
import { fieldOf } from './parse-log-line.ts'
import type { LogRecord } from './parse-log-line.ts'
import { latestOf } from './parse-time.ts'
import type { Time } from './parse-time.ts'
import { readRecords } from './read-records.ts'
import { timesIn } from './time-zone.ts'
import { Turns } from './turns.ts'

interface Match {
  at: number
  record: LogRecord
}

interface Query {
  contains: string[] | undefined
  where: [string, Json][]
  /** The time from which on lines are searched, in milliseconds since 1970. */
  from: number
  limit: number
  /** Whether the texts and values that are searched for have only ASCII characters. */
  isAscii: boolean
  /** Makes a time without a zone exact if the connection has a time zone. */
  inZone: (time: Time | undefined) => Time | undefined
}

interface Found {
  /** The newest matches: at most a few more than the limit. */
  matches: Match[]
  /** The number of characters in the lines of `matches`. */
  keptLength: number
  count: number
  /** Lines that were not understood and that may be matches. */
  unparsed: number
  lines: number
  /** The fields of `where` that no line had so far. */
  absent: Set<string>
}

export const logsSearch: CheckImplementation = async (parameters, { targets, signal }) => {
  const target = await targets.logs(requiredString(parameters, 'connection'))
  const where = Object.entries(optionalRecord(parameters, 'where') ?? {})
  const contains = optionalStrings(parameters, 'contains')?.map(comparable)
  const sinceMs = optionalDuration(parameters, 'since')
  const limit = limitParameter(parameters, 'limit', 50, 500)
  const from = sinceMs === undefined ? -Infinity : Date.now() - sinceMs
  const inZone = target.timeZone === undefined ? (time: Time | undefined) => time : timesIn(target.timeZone)
  const isAscii = !NOT_ASCII.test(JSON.stringify([contains ?? [], where]))
  const query: Query = { contains, where, limit, from, inZone, isAscii }
  const { files, problems } = await findLogFiles(target)
  if (files.length === 0)
    throw new RunbookError(
      'RUNBOOK_CHECK_FAILED',
      `connection ${target.connection}: ${problems[0] ?? `no file matches ${target.files.join(', ')}`}`,
    )
  const found: Found = {
    matches: [],
    keptLength: 0,
    count: 0,
    unparsed: 0,
    lines: 0,
    absent: new Set(where.filter(([, wanted]) => !mayBeAbsent(wanted)).map(([name]) => name)),
  }
  let cut = false
  // A file that was last written before the requested time holds nothing of that time.
  for await (const tail of readLogTails(
    files.filter((file) => file.mtimeMs >= query.from),
    signal,
  )) {
    if (tail.problem !== undefined) problems.push(tail.problem)
    const { oldest, newest, endsUntimed } = await searchTail(tail, query, found, signal)
    if (!tail.whole && oldest >= query.from) cut = true
    const late = tail.mtimeMs - newest
    if (newest < query.from && !endsUntimed && late > MAX_WRITE_DELAY_MS)
      problems.push(
        `the newest line of ${tail.file} is ${Math.round(late / 60_000)} minutes older than the file: the clock or the time zone of the program differs`,
      )
  }
  const { matches, count, unparsed } = found
  keepNewest(found, limit)
  const absentFields = found.lines > 0 ? [...found.absent] : []
  const incomplete = cut || count > matches.length || unparsed > 0 || problems.length > 0 || absentFields.length > 0
  const newest = matches[0] ? new Date(matches[0].at).toISOString() : null
  const problem = problems[0] ?? null
  const counted = { unparsed, unread: problems.length, problem, absentFields }
  const rest = { count, newest, ...counted, truncated: incomplete }
  return capRows(matches.map(toRow), rest, target.redact, signal)
}

/** By how much a line's time may be later than now. */
const MAX_IN_FUTURE_MS = 60_000
/** A program may write its lines some time after their time. */
const MAX_WRITE_DELAY_MS = 120_000
/** The total length of the matches that are kept in memory. The stored result has at most 64 kB of them. */
const MAX_KEPT_LENGTH = 2 * 1024 * 1024

/** The times in one file. */
interface Times {
  oldest: number
  newest: number
  /** Whether lines without an exact time follow the last line with one. */
  endsUntimed: boolean
}

/** Adds the matches of one file. */
async function searchTail(tail: LogTail, query: Query, found: Found, signal: AbortSignal): Promise<Times> {
  const times: Times = { oldest: Infinity, newest: -Infinity, endsUntimed: true }
  const turns = new Turns(signal)
  // The number of lines without a readable time. They are not newer than the next line with a time.
  let untimed = 0
  for (const record of readRecords(tail)) {
    if (turns.isOver(record.text.length + 1)) await turns.next()
    found.lines++
    notePresentFields(record, found)
    const matches = matchRecord(record, query)
    const time = query.inZone(record.time)
    times.endsUntimed = !time || !('at' in time)
    if (time && 'at' in time) {
      const { at } = time
      times.oldest = Math.min(times.oldest, at)
      times.newest = Math.max(times.newest, at)
      if (at - MAX_IN_FUTURE_MS > Date.now()) {
        if (matches !== false) found.unparsed++
        untimed = 0
        continue
      }
      if (at >= query.from) found.unparsed += untimed + (matches === undefined ? 1 : 0)
      untimed = 0
      if (matches && at >= query.from) addMatch({ at, record }, query.limit, found)
    } else if (matches !== false) {
      if (time) found.unparsed += latestOf(time) >= query.from ? 1 : 0
      else untimed++
    }
  }
  found.unparsed += untimed
  return times
}

function addMatch(match: Match, limit: number, found: Found): void {
  found.count++
  found.matches.push(match)
  found.keptLength += match.record.text.length
  if (found.matches.length >= 2 * limit + 500 || found.keptLength > 2 * MAX_KEPT_LENGTH) keepNewest(found, limit)
}

/** The newest matches up to the limit whose texts do not have more than `MAX_KEPT_LENGTH` characters together; at least one. */
function keepNewest(found: Found, limit: number): void {
  const { matches } = found
  matches.sort((a, b) => b.at - a.at)
  let length = 0
  const end = matches.findIndex(
    ({ record }, i) => i >= limit || ((length += record.text.length) > MAX_KEPT_LENGTH && i > 0),
  )
  if (end >= 0) matches.length = end
  found.keptLength = matches.reduce((sum, { record }) => sum + record.text.length, 0)
}

function notePresentFields({ object, level }: LogRecord, { absent }: Found): void {
  for (const name of absent)
    if ((object && valueOf(object, name) !== undefined) || (level !== null && LEVEL_FIELDS.includes(name)))
      absent.delete(name)
}

// oxlint-disable-next-line no-control-regex
const NOT_ASCII = /[^\x00-\x7f]/
/** The character that stands for bytes that are not UTF-8, for example in a file in Latin 1. */
const UNREADABLE = '\uFFFD'

/**
 * Returns a text in the form in which texts are compared: in lower case, and with one form of letters such as `ü`, which may also be
 * written as `u` and two dots.
 */
function comparable(text: string): string {
  return text.normalize('NFC').toLowerCase()
}

/** Whether a record matches; undefined if that cannot be determined. */
function matchRecord(record: LogRecord, query: Query): boolean | undefined {
  const matches = matchReadable(record, query)
  return matches === false && !query.isAscii && record.text.includes(UNREADABLE) ? undefined : matches
}

/** Like `matchRecord`, for the part of the line that could be read. Undefined if the line is not a JSON object. */
function matchReadable(record: LogRecord, { contains, where }: Query): boolean | undefined {
  if (contains && !containsOne(record, contains)) return false
  let result: boolean | undefined = true
  for (const [name, wanted] of where) {
    const matches = matchField(record, name, wanted)
    if (matches === false) return false
    if (matches === undefined) result = undefined
  }
  return result
}

function containsOne({ text, message, object }: LogRecord, contains: string[]): boolean {
  const lower = comparable(text)
  if (contains.some((part) => lower.includes(part))) return true
  if (!object || !text.includes('\\')) return false
  // JSON may write quotes and non-ASCII characters as escape sequences, so the decoded object is searched too.
  const decoded = comparable(`${message ?? ''}\n${JSON.stringify(object)}`)
  return contains.some((part) => decoded.includes(part))
}

function matchField(record: LogRecord, name: string, wanted: Json): boolean | undefined {
  const { object, level, text, before } = record
  if (LEVEL_FIELDS.includes(name)) {
    if (level !== null) return isLevel(object ? valueOf(object, name) : undefined, level, wanted)
    // The text before the object may hold the level in an unknown form.
    if (!object || before !== '') return Array.isArray(wanted) && wanted.length === 0 ? false : undefined
  }
  if (object) return fits(valueOf(object, name), wanted)
  // A text line that does not contain the value cannot have it in a field.
  const candidates = [wanted].flat().filter((one) => one !== null && typeof one !== 'object')
  return candidates.some((one) => text.includes(String(one))) ? undefined : false
}

/** The value of a field. For the level and the message, the names that other loggers use are tried too. */
function valueOf(object: JsonObject, name: string): Json | undefined {
  const value = fieldOf(object, name)
  if (value !== undefined) return value
  const others = [LEVEL_FIELDS, MESSAGE_FIELDS.slice(0, 2)].find((names) => names.includes(name)) ?? []
  return others.map((other) => fieldOf(object, other)).find((other) => other !== undefined)
}

/** Whether a level is the wanted level; undefined if the line has a number with an unknown meaning and a level name is wanted. */
function isLevel(value: Json | undefined, level: string, wanted: Json): boolean | undefined {
  const all = [wanted].flat()
  if (all.some((one) => (value !== undefined && fits(value, one)) || levelName(one) === level)) return true
  return /^-?\d+$/.test(level) && all.some((one) => typeof one === 'string' && /^[a-z]+$/i.test(one))
    ? undefined
    : false
}

/** Whether a field that no line has may still be the right field: null is wanted, or an empty list, which matches nothing. */
function mayBeAbsent(wanted: Json): boolean {
  return Array.isArray(wanted) ? wanted.length === 0 || wanted.some(mayBeAbsent) : wanted === null
}

/** Whether a value equals the wanted value. A number equals its text, because an id may be logged as a number or as a text. */
function fits(value: Json | undefined, wanted: Json): boolean {
  if (Array.isArray(wanted)) return wanted.some((one) => fits(value, one))
  if (value === undefined || value === null || wanted === null) return (value ?? null) === wanted
  if (isJsonObject(wanted))
    return isJsonObject(value) && Object.entries(wanted).every(([name, one]) => fits(fieldOf(value, name), one as Json))
  return typeof value !== 'object' && String(value).normalize('NFC') === String(wanted).normalize('NFC')
}

function toRow({ at, record: { level, message, object, taken } }: Match): JsonObject {
  const fields = Object.fromEntries(Object.entries(object ?? {}).filter(([name]) => !taken.includes(name)))
  return { time: new Date(at).toISOString(), level, message, fields }
}
