import type { IncomingMessage } from 'node:http'
import type { Transform } from 'node:stream'
import { createBrotliDecompress, createUnzip } from 'node:zlib'
import { defined } from '../core/defined.ts'
import { messageOf, RunbookError } from '../core/errors.ts'
import type { HttpTarget } from './targets.ts'

export interface HttpRequest {
  method?: string
  /**
   * The path. It begins with `/` and is appended to the configured address. It cannot lead to another host or out of the configured path.
   */
  path?: string
  headers?: Record<string, string>
  body?: string
  timeoutMs: number
  signal?: AbortSignal
  /** How many bytes of the body are read. Default: 64 kB. */
  maxBytes?: number
}

export interface HttpAnswer {
  status: number
  headers: Record<string, string>
  /** The body as text, at most `maxBytes` of it. */
  text: string
  truncated: boolean
  /** Why the body could not be decoded. Then `text` is empty. */
  unread?: string
  latencyMs: number
}

const MAX_BODY_BYTES = 64 * 1024
/** An older answer of a cache says nothing about the service now. */
const MAX_AGE_SECONDS = 30

/** Throws RUNBOOK_CHECK_FAILED if a cache in front of the service gave an old answer instead of asking the service. */
export function requireFresh(
  { connection }: Pick<HttpTarget, 'connection'>,
  { headers }: Pick<HttpAnswer, 'headers'>,
): void {
  const age = Number(headers['age'])
  if (!(age > MAX_AGE_SECONDS)) return
  throw new RunbookError(
    'RUNBOOK_CHECK_FAILED',
    `connection ${connection}: the answer is ${age} s old and comes from a cache in front of the service: use an address that is not cached`,
  )
}

/**
 * Sends one request. A redirect is returned as the answer and not followed. Throws RunbookError `RUNBOOK_UNREACHABLE` if no complete answer
 * arrives in time; `detail.status` is set if an answer began. Throws `RUNBOOK_BAD_INPUT` for a path that leaves the configured address.
 */
export async function requestHttp(target: HttpTarget, request: HttpRequest): Promise<HttpAnswer> {
  const url = requestUrl(target, request.path ?? '')
  const { request: send } = url.protocol === 'https:' ? await import('node:https') : await import('node:http')
  const started = performance.now()
  const timeout = AbortSignal.timeout(Math.max(1, Math.round(request.timeoutMs)))
  const signal = request.signal ? AbortSignal.any([timeout, request.signal]) : timeout
  let status: number | undefined
  try {
    const answer = await new Promise<Omit<HttpAnswer, 'latencyMs'>>((resolve, reject) => {
      const outgoing = send(
        url,
        {
          method: request.method ?? 'GET',
          headers: { 'user-agent': 'runbook', 'cache-control': 'no-cache', ...request.headers, ...target.headers },
          agent: false,
          signal,
          lookup: (_host, options, done) => {
            const first = target.addresses[0]!
            if (options.all) done(null, target.addresses)
            else done(null, first.address, first.family)
          },
        },
        (response) => {
          status = response.statusCode
          readBody(response, request.maxBytes ?? MAX_BODY_BYTES).then(resolve, reject)
        },
      )
      outgoing.on('error', reject)
      outgoing.on('upgrade', (response, socket) => {
        socket.destroy()
        resolve({ status: response.statusCode ?? 0, headers: headersOf(response), text: '', truncated: false })
      })
      outgoing.end(request.body)
    })
    return { ...answer, latencyMs: Math.round(performance.now() - started) }
  } catch (error) {
    const why = timeout.aborted ? `no complete answer within ${Math.round(request.timeoutMs)} ms` : messageOf(error)
    const where = `${url.origin}${url.pathname}`
    const message = `connection ${target.connection}: ${where}: ${why}`
    throw new RunbookError('RUNBOOK_UNREACHABLE', message, { why, ...defined({ status }) }, error)
  }
}

async function readBody(response: IncomingMessage, maxBytes: number): Promise<Omit<HttpAnswer, 'latencyMs'>> {
  const headers = headersOf(response)
  const status = response.statusCode ?? 0
  const encoding = (headers['content-encoding'] ?? 'identity').trim().toLowerCase()
  const decoder = encoding === '' || encoding === 'identity' ? undefined : createDecoder(encoding)
  const unread = (why: string) => ({ status, headers, text: '', truncated: true, unread: why })
  if (decoder === 'unknown') {
    response.destroy()
    return unread(`the body is encoded with ${encoding.slice(0, 40)}, which is not supported`)
  }
  let lost: unknown
  if (decoder) {
    // A connection that breaks is an error of the request, not of the encoding.
    response.on('error', (error) => {
      lost = error
      decoder.destroy(error)
    })
    response.on('aborted', () => decoder.destroy((lost = new Error('the connection was closed early'))))
    response.pipe(decoder)
  }
  const chunks: Buffer[] = []
  let size = 0
  try {
    for await (const chunk of (decoder ?? response) as AsyncIterable<Buffer>) {
      chunks.push(chunk)
      size += chunk.length
      if (size > maxBytes) break
    }
  } catch (error) {
    if (!decoder || lost !== undefined) throw lost ?? error
    return unread(`the body is not valid ${encoding.slice(0, 40)}: ${messageOf(error)}`)
  } finally {
    if (decoder) response.destroy()
  }
  const body = Buffer.concat(chunks).subarray(0, maxBytes)
  return { status, headers, text: decodeText(body, headers['content-type'] ?? ''), truncated: size > maxBytes }
}

function headersOf({ headers }: IncomingMessage): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, [value].flat().join(', ')]),
  ) as Record<string, string>
}

function createDecoder(encoding: string): Transform | 'unknown' {
  if (encoding === 'gzip' || encoding === 'x-gzip' || encoding === 'deflate') return createUnzip()
  return encoding === 'br' ? createBrotliDecompress() : 'unknown'
}

/**
 * Decodes the text with the charset of its content type and removes a byte order mark. Without a charset, the text is read as UTF-8, or as
 * Latin 1, which older servers send, if the bytes are not UTF-8.
 */
function decodeText(body: Buffer, contentType: string): string {
  const charset = /charset="?([\w-]{1,40})/i.exec(contentType.slice(0, 500))?.[1]
  try {
    // With `stream`, a character that was cut at the end is not an error.
    return charset === undefined
      ? new TextDecoder('utf-8', { fatal: true }).decode(body, { stream: true })
      : new TextDecoder(charset).decode(body)
  } catch {
    return new TextDecoder(charset === undefined ? 'windows-1252' : 'utf-8').decode(body)
  }
}

function requestUrl(target: HttpTarget, path: string): URL {
  const base = target.baseUrl
  const prefix = base.pathname.replace(/\/$/, '')
  const wrong = () =>
    new RunbookError(
      'RUNBOOK_BAD_INPUT',
      `connection ${target.connection}: "${path}" is not a path under ${base.origin}${prefix}/`,
    )
  if (path === '') return base
  if (!path.startsWith('/') || path.startsWith('//') || /[\\\s]/.test(path) || leadsElsewhere(path)) throw wrong()
  const url = new URL(`${base.origin}${prefix}${path}`)
  if (url.origin !== base.origin || !`${url.pathname}/`.startsWith(`${prefix}/`)) throw wrong()
  return url
}

/** How often a path is decoded for the check. A proxy and the server behind it may each decode the path once more. */
const MAX_DECODINGS = 4
/** Encodings that some old servers read as `.` or `/`: bytes that are not valid UTF-8, and `%u` with four digits. */
const ODD_ENCODING = /%c[01]|%u[0-9a-f]{4}/i

/**
 * Whether some server could read the path as a different path. Then a value inside the path could lead to another
 * resource.
 */
export function leadsElsewhere(path: string): boolean {
  let decoded = path.split(/[?#]/, 1)[0]!
  for (let times = 0; times <= MAX_DECODINGS; times++) {
    if (ODD_ENCODING.test(decoded) || decoded.includes('\\') || hasDotSegment(decoded)) return true
    const next = decoded.replace(/%([0-7][0-9a-f])/gi, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)))
    if (next === decoded) return false
    decoded = next
  }
  return true
}

/**
 * Whether the path has a segment `.` or `..`. Some servers ignore text after `;`, and blanks or control characters
 * around a segment.
 */
function hasDotSegment(path: string): boolean {
  // oxlint-disable-next-line no-control-regex
  return path.split('/').some((segment) => /^[\u0000-\u0020\u007f]*\.{1,2}[\u0000-\u0020\u007f]*(?:;|$)/.test(segment))
}
