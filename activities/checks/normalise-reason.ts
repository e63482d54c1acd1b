import { stripVTControlCharacters } from 'node:util'
import { parseOutsideJson } from '../../src/core/parse-json.ts'
import { isJsonObject } from '../../src/core/json.ts'
import type { Json, JsonObject } from '../../src/core/json.ts'
import { replaceVariables } from './replace-variables.ts'

const MAX_LENGTH = 300
/** The beginning and the end of a long line: drivers put the SQL first and the error last. */
const [HEAD_LENGTH, TAIL_LENGTH] = [180, 110]
/** Only the beginning and the end of a reason that is longer than this are read. */
const MAX_READ_LENGTH = 16 * 1024
/** How many characters at the beginning and the end of a long summary are searched for ids. This is several times as many as are kept. */
const MAX_REPLACED = [800, 500] as const
const MAX_ISSUES = 5

/** The name of an error without a message, or a thrown value that is not an error: `AggregateError:`, `Error: undefined`. */
const EMPTY =
  /^\[?(?:Uncaught )?(?:[\w.]{0,100}(?:Error|Exception)\s*:?)?\s*(?:undefined|null|\{\}|\[\]|""|''|\[object \w{1,50}\])?\]?(?:\s*\n\s*at [^]*)?$/
/** The line with which Node.js and Java print the error that led to another error. */
const CAUSE = /^\s*(?:\[cause\]:|Caused by:)\s*(.{1,2000})/
const BULLET = /^\s*[-*•]\s+\S/
/** A line of a Python traceback that names an error. */
const PYTHON_ERROR = /^[\w.]{1,200}(?:Error|Exception|Warning|Exit|Timeout|Interrupt)\b/

/** Stack frames, source code with line numbers, positions in files, and the marks below them. */
const NOISE = [
  /^\s*at .*(?:\)|:\d+(?::\d+)?)$/,
  /^\s*File ".*", line \d+/,
  /^\s*(?:→|>)\s*\d+\b/,
  /^\s*\d+\s*[|│]/,
  /^\s{2,}\d+(?:\s|$)/,
  /^(?:file:\/\/)?[\w./\\@-]+\.\w+:\d+(?::\d+)?:?$/,
  /^[\s^~|│+-]+$/,
  /^[\s{}[\](),;]+$/,
  /^Node\.js v\d/,
]

/**
 * A failure's reason without the parts that differ between jobs: ids, times and numbers become `<id>`, `<time>`, `<n>`. Hosts with ports,
 * status codes and error codes are kept, because they distinguish causes. Of several lines, the first and the last that are no code or
 * stack frame, with the items of a list or the cause between them; of a list of validation errors, each error; of an HTML page, its title.
 * At most 300 characters.
 */
export function normaliseReason(reason: string): string {
  const text = plainText(
    reason.length > MAX_READ_LENGTH ? cutMiddle(reason, MAX_READ_LENGTH / 2, MAX_READ_LENGTH / 2, '\n') : reason,
  )
  const summary = summariseJson(text.trim()) ?? summariseHtml(text) ?? summariseLines(text)
  const [head, tail] = MAX_REPLACED
  const normal = replaceVariables(summary.length > head + tail ? cutMiddle(summary, head, tail, ' … ') : summary)
  return normal.length > MAX_LENGTH ? cutMiddle(normal, HEAD_LENGTH, TAIL_LENGTH, ' … ') : normal
}

/** Whether a reason holds no information, so that the stack trace should be read instead. */
export function isEmptyReason(reason: string | null): boolean {
  return reason === null || EMPTY.test(plainText(reason.slice(0, 500)).trim())
}

/** Returns the text without a terminal's colour codes and without characters that have no width. */
function plainText(text: string): string {
  return stripVTControlCharacters(text).replace(/[\u200b-\u200f\u2060\ufeff]/g, '')
}

function cutMiddle(text: string, head: number, tail: number, between: string): string {
  return `${text.slice(0, head).toWellFormed()}${between}${text.slice(-tail).toWellFormed()}`
}

function summariseLines(text: string): string {
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== '')
  const telling = lines.filter((line) => !NOISE.some((noise) => noise.test(line.slice(0, 500))))
  const first = (telling[0] ?? lines[0] ?? '').trim()
  const last = (telling.at(-1) ?? first).trim()
  // A Python traceback ends with the error, and begins with the error that caused it.
  if (first.startsWith('Traceback (most recent call last)')) {
    const root = lines.find((line) => PYTHON_ERROR.test(line))?.trim() ?? last
    return root === last ? last : `${last}: caused by ${root}`
  }
  const before = [...new Set([first, ...middleOf(telling)])].filter((line) => line !== last)
  return [...before.map((line) => line.replace(/:$/, '')), last].join(': ')
}

/** The lines between the first and the last line that say what is wrong. */
function middleOf(lines: string[]): string[] {
  const cause = lines.findLast((line) => CAUSE.test(line))
  if (cause !== undefined) return [`caused by ${CAUSE.exec(cause)![1]!.replace(/\s*\{$/, '')}`]
  const middle = lines.slice(1, -1)
  const items = middle.length === 1 ? middle : middle.filter((line) => BULLET.test(line))
  return items.slice(0, MAX_ISSUES).map((line) => line.trim())
}

/** The title of an HTML page. Undefined if the text has no such page. */
function summariseHtml(text: string): string | undefined {
  const start = text.search(/<!doctype html|<html[\s>]/i)
  if (start < 0) return undefined
  const title = /<(title|h1)[^<>]{0,200}>([^<]{1,500})</i.exec(text.slice(start))?.[2]
  return `${text.slice(0, start)}HTML page${title === undefined ? '' : `: ${title.trim()}`}`.trim()
}

/** Returns undefined if the text contains no JSON, or if the JSON names no error. */
function summariseJson(text: string): string | undefined {
  const start = text.search(/[[{]/)
  if (start < 0 || start > 200 || !/[\]}]$/.test(text)) return undefined
  const value = parseOutsideJson(text.slice(start))
  if (typeof value !== 'object' || value === null) return undefined
  const issues = (Array.isArray(value) ? value : issuesOf(value))
    .slice(0, 100)
    .flatMap((issue) => describe(issue) ?? [])
  if (issues.length === 0) return undefined
  const distinct = [...new Set(issues)].sort()
  const more = distinct.length > MAX_ISSUES ? [`and ${distinct.length - MAX_ISSUES} more`] : []
  return `${text.slice(0, start)}${[...distinct.slice(0, MAX_ISSUES), ...more].join('; ')}`.trim()
}

function issuesOf(value: JsonObject): Json[] {
  for (const name of ['issues', 'errors', 'details', 'error']) {
    const inner = value[name]
    if (Array.isArray(inner) && inner.length > 0) return inner
    if (isJsonObject(inner)) return [inner as Json]
  }
  return [value]
}

/** One error in the format of zod, ajv, joi, class-validator, GraphQL or an HTTP API. */
function describe(issue: Json): string | undefined {
  if (typeof issue === 'string') return issue
  if (!isJsonObject(issue)) return undefined
  const pick = (...names: string[]) =>
    names
      .map((name) => issue[name])
      .find((value) => (typeof value === 'string' && value !== '') || typeof value === 'number')
  const path = issue['path'] ?? issue['instancePath'] ?? issue['dataPath'] ?? issue['property'] ?? issue['loc']
  const where = Array.isArray(path) ? path.map((part) => (typeof part === 'number' ? '<n>' : part)).join('.') : path
  const constraints = isJsonObject(issue['constraints']) ? Object.values(issue['constraints']).join(', ') : undefined
  const message = pick('message', 'msg', 'title', 'detail', 'error', 'error_description', 'reason') ?? constraints
  const code = pick('code', 'errorCode', 'error_code', 'keyword', 'type')
  const status = pick('status', 'statusCode', 'status_code', 'httpStatus')
  if (message === undefined && code === undefined && status === undefined) return undefined
  return [
    status === undefined ? undefined : `status ${status}`,
    typeof code === 'number' ? `code ${code}` : code,
    typeof where === 'string' && where !== '' ? `at ${where}` : undefined,
    message,
  ]
    .filter((part) => part !== undefined)
    .join(' ')
}
