import { scrubSecrets } from '../../src/config/secret.ts'
import { isRunbookError, RunbookError } from '../../src/core/errors.ts'
import type { Json, JsonObject } from '../../src/core/json.ts'
import { cutText } from '../../src/core/storable.ts'
import { visibleText } from '../../src/core/displayable.ts'
import type { ActionResult, RunContext } from '../../src/effects/action-implementation.ts'
import { recordParameter, textParameter } from '../../src/effects/action-parameters.ts'
import { httpRequest } from '../../src/language/kinds/http-request.ts'
import { reachHttp } from '../../src/targets/reach-http.ts'
import { leadsElsewhere, requestHttp, type HttpAnswer } from '../../src/targets/request-http.ts'
import type { HttpTarget } from '../../src/targets/targets.ts'
import { previewWith, type Action } from './action.ts'
import { BODY_NOT_KEPT, capResult, cleaned } from '../limit-result.ts'

/** How many characters of a response's body are stored. */
const MAX_BODY_LENGTH = 1_500
/** With this status, parts of the request may have failed. */
const MULTI_STATUS = 207
/** With these statuses, a proxy may have passed the request on before it answered: the proxy or its client waited for too long. */
const GAVE_UP_WAITING = [408, 499]
/** A lone surrogate, which a URL cannot contain. */
const HALF_SURROGATE = /\p{Cs}/u
/** Errors of the connection attempt: the request was not sent. */
const NEVER_SENT = ['ECONNREFUSED', 'ENOTFOUND', 'EHOSTUNREACH', 'ENETUNREACH', 'EAI_AGAIN']

export const httpRequestAction: Action = {
  kind: httpRequest,
  implementation: {
    protocol: 'intent',
    prepare(parameters) {
      const call = readCall(parameters)
      return {
        repeatable: false,
        reach: async (targets) => reachHttp(await targets.http(call.connection)),
        run: (context) => send(call, context),
      }
    },
  },
  async preview(parameters, { targets }) {
    const { connection, method, path, body } = readCall(parameters)
    return previewWith(`${method} ${visibleText(path)} of ${connection}`, async () => {
      const { baseUrl, redact } = await targets.http(connection)
      const url = `${baseUrl.origin}${baseUrl.pathname.replace(/\/$/, '')}${path}`
      const after = capResult({ method, url, ...(body ? { body } : {}) }, redact)
      if (after.truncated === true)
        throw new RunbookError('RUNBOOK_CHECK_FAILED', 'the request has more than 64 kB and cannot be shown in full')
      return {
        rows: [{ before: {}, after }],
        count: 1,
        undo: 'none',
      }
    })
  },
}

interface Call {
  connection: string
  method: string
  path: string
  body: JsonObject | undefined
}

function readCall(parameters: JsonObject): Call {
  const method = textParameter(parameters, 'method')
  if (!['POST', 'PUT', 'PATCH', 'DELETE'].includes(method))
    throw new RunbookError(
      'RUNBOOK_BAD_INPUT',
      `method is ${visibleText(method)}: it must be POST, PUT, PATCH or DELETE`,
    )
  const path = fillPath(textParameter(parameters, 'path'), recordParameter(parameters, 'values'))
  const query = new URLSearchParams(
    Object.entries(recordParameter(parameters, 'query')).map(([name, value]): [string, string] => [
      name,
      scalar(name, value),
    ]),
  ).toString()
  return {
    connection: textParameter(parameters, 'connection'),
    method,
    path: query ? `${path}?${query}` : path,
    body: parameters['body'] === undefined ? undefined : recordParameter(parameters, 'body'),
  }
}

/** Fills each placeholder with one encoded path segment, never `.` or `..`. Throws RUNBOOK_BAD_INPUT with the value's name. */
export function fillPath(path: string, values: JsonObject): string {
  const used = new Set<string>()
  const filled = path.replace(/\{([^{}]*)\}/g, (_, name: string) => {
    used.add(name)
    const text = scalar(name, Object.hasOwn(values, name) ? values[name]! : null)
    if (text === '' || text === '.' || text === '..')
      throw new RunbookError('RUNBOOK_BAD_INPUT', `path: {${name}} is "${text}", which is not a path segment`)
    const segment = encodeURIComponent(text)
    if (leadsElsewhere(`/${segment}`))
      throw new RunbookError(
        'RUNBOOK_BAD_INPUT',
        `path: {${name}} is ${visibleText(text)}, which some servers read as another path`,
      )
    return segment
  })
  const extra = Object.keys(values).find((name) => !used.has(name))
  if (extra !== undefined)
    throw new RunbookError('RUNBOOK_BAD_INPUT', `values: "${extra}" is not a placeholder in path`)
  return filled
}

function scalar(name: string, value: Json): string {
  if (typeof value === 'string' && !HALF_SURROGATE.test(value)) return value
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  throw new RunbookError('RUNBOOK_BAD_INPUT', `${name} must be a string, a number or a boolean`)
}

async function send({ connection, method, path, body }: Call, context: RunContext): Promise<ActionResult> {
  let target: HttpTarget | undefined
  let answer: HttpAnswer
  try {
    target = await context.targets.http(connection)
    answer = await requestHttp(target, {
      method,
      path,
      headers: {
        'idempotency-key': headerValue(context.effectKey),
        ...(body ? { 'content-type': 'application/json' } : {}),
      },
      ...(body ? { body: JSON.stringify(body) } : {}),
      timeoutMs: context.timeoutMs,
    })
  } catch (error) {
    if (!isRunbookError(error, 'RUNBOOK_UNREACHABLE')) throw error
    if (!target || neverSent(error)) return { result: 'refused', detail: `${error.message}; nothing was sent` }
    return { result: 'unknown', detail: `${error.message}; the request may have been carried out` }
  }
  return judge(answer, target.redact)
}

/**
 * A text for a header, which may hold only visible ASCII characters. All other characters, and `%`, become their
 * percent-encoded UTF-8 bytes.
 */
function headerValue(text: string): string {
  return text.replace(/[^!-$&-~]+/g, (run) =>
    Array.from(Buffer.from(run), (byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''),
  )
}

function neverSent(error: Error): boolean {
  const { code } = (error.cause ?? {}) as { code?: unknown }
  return typeof code === 'string' && NEVER_SENT.includes(code)
}

function judge(answer: HttpAnswer, redact: string[]): ActionResult {
  const { status } = answer
  const text = scrubSecrets(redactedText(answer, redact))
  const observed = { status, body: text.length > MAX_BODY_LENGTH ? `${cutText(text, MAX_BODY_LENGTH)}…` : text }
  const isSuccess = status >= 200 && status < 300 && status !== MULTI_STATUS
  if (isSuccess) return { result: 'applied', detail: `answered ${status}`, observed }
  // The result is unknown for these statuses too: many services do what was requested and answer with a redirect.
  if (status < 400 || status >= 500 || GAVE_UP_WAITING.includes(status))
    return { result: 'unknown', detail: `answered ${status}: the request may have been carried out`, observed }
  return { result: 'refused', detail: `answered ${status}`, observed }
}

/**
 * The body of the response as it may be stored. This function never throws, because the request was sent and its response must be recorded.
 */
function redactedText({ text, truncated, unread }: HttpAnswer, redact: string[]): string {
  if (unread !== undefined) return `[${unread}]`
  if (redact.length === 0 || text === '') return text
  try {
    return truncated ? BODY_NOT_KEPT : JSON.stringify(cleaned(JSON.parse(text) as Json, redact))
  } catch {
    return BODY_NOT_KEPT
  }
}
