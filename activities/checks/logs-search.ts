import { RunbookError } from '../../src/core/errors.ts'
import { isJsonObject } from '../../src/core/json.ts'
import type { Json, JsonObject } from '../../src/core/json.ts'
import { findLogFiles, readLogTails } from '../../src/targets/read-logs.ts'
import { capResult } from '../limit-result.ts'
import type { CheckImplementation } from './check.ts'
import {
  limitParameter,
  optionalDuration,
  optionalRecord,
  optionalStrings,
  requiredString,
} from './check-parameters.ts'

interface Match {
  at: number
  line: JsonObject
}

const TIME_FIELDS = ['time', 'timestamp', 'ts', '@timestamp']
const LEVEL_FIELDS = ['level', 'severity']
const MESSAGE_FIELDS = ['msg', 'message']
/** The numeric levels of pino. */
const LEVELS: Record<string, string> = { 10: 'trace', 20: 'debug', 30: 'info', 40: 'warn', 50: 'error', 60: 'fatal' }

export const logsSearch: CheckImplementation = async (parameters, { targets, signal }) => {
  const target = await targets.logs(requiredString(parameters, 'connection'))
  const where = Object.entries(optionalRecord(parameters, 'where') ?? {})
  const contains = optionalStrings(parameters, 'contains')?.map((text) => text.toLowerCase())
  const sinceMs = optionalDuration(parameters, 'since')
  const limit = limitParameter(parameters, 'limit', 50, 500)
  const from = sinceMs === undefined ? -Infinity : Date.now() - sinceMs
  const files = await findLogFiles(target)
  if (files.length === 0)
    throw new RunbookError(
      'RUNBOOK_CHECK_FAILED',
      `connection ${target.connection}: no file matches ${target.files.join(', ')}`,
    )
  const matches: Match[] = []
  let unread = false
  // A file that was last written before `from` has no newer lines.
  for await (const { lines, whole } of readLogTails(files.filter((file) => file.mtimeMs >= from))) {
    signal.throwIfAborted()
    let oldest = Infinity
    for (const text of lines) {
      const match = matchLine(text, contains, where, (at) => (oldest = Math.min(oldest, at)))
      if (match && match.at >= from) matches.push(match)
    }
    if (!whole && oldest >= from) unread = true
  }
  matches.sort((a, b) => b.at - a.at)
  const newest = matches[0] ? new Date(matches[0].at).toISOString() : null
  const rows = matches.slice(0, limit).map(toRow)
  return capResult({ count: matches.length, newest, rows, truncated: unread || matches.length > limit }, target.redact)
}

function matchLine(
  text: string,
  contains: string[] | undefined,
  where: [string, Json][],
  onTime: (at: number) => void,
): Match | undefined {
  const lower = contains && text.toLowerCase()
  const candidate = !contains || contains.some((part) => lower!.includes(part))
  const line = parseLine(text)
  const at = line === undefined ? undefined : timeOf(line)
  if (line === undefined || at === undefined) return undefined
  onTime(at)
  return candidate && where.every(([field, wanted]) => fits(line[field], wanted)) ? { at, line } : undefined
}

function parseLine(text: string): JsonObject | undefined {
  if (!text.startsWith('{')) return undefined
  try {
    const value: unknown = JSON.parse(text)
    return isJsonObject(value) ? (value as JsonObject) : undefined
  } catch {
    return undefined
  }
}

/** A number equals its text: an id may be logged as either. */
function fits(value: Json | undefined, wanted: Json): boolean {
  if (Array.isArray(wanted)) return wanted.some((one) => fits(value, one))
  if (value === undefined || value === null || wanted === null) return (value ?? null) === wanted
  return typeof value !== 'object' && String(value) === String(wanted)
}

function timeOf(line: JsonObject): number | undefined {
  const value = first(line, TIME_FIELDS)?.value
  const at =
    typeof value === 'number'
      ? value < 1e11
        ? value * 1000
        : value
      : typeof value === 'string'
        ? Date.parse(value)
        : NaN
  return Number.isFinite(at) && Math.abs(at) < 8.64e15 ? at : undefined
}

function first(line: JsonObject, names: string[]): { name: string; value: Json } | undefined {
  const name = names.find((candidate) => Object.hasOwn(line, candidate))
  return name === undefined ? undefined : { name, value: line[name]! }
}

function toRow({ at, line }: Match): JsonObject {
  const [time, level, message] = [TIME_FIELDS, LEVEL_FIELDS, MESSAGE_FIELDS].map((names) => first(line, names))
  const usedFields = [time, level, message].map((found) => found?.name)
  const fields = Object.fromEntries(Object.entries(line).filter(([name]) => !usedFields.includes(name)))
  const text = (value: Json | undefined) =>
    value == null ? null : typeof value === 'string' ? value : JSON.stringify(value)
  return {
    time: new Date(at).toISOString(),
    level: LEVELS[String(level?.value)] ?? text(level?.value),
    message: text(message?.value),
    fields,
  }
}
