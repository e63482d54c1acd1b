import type { IncomingMessage } from 'node:http'
import { messageOf, RunbookError } from '../core/errors.ts'
import type { HttpTarget } from './targets.ts'

export interface HttpRequest {
  method?: string
  /** Begins with `/`; appended to the configured address. It cannot lead to another host or out of the configured path. */
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
  latencyMs: number
}

const MAX_BODY_BYTES = 64 * 1024

/**
 * Sends one request. A redirect is returned as the answer and not followed. Throws RunbookError `RUNBOOK_UNREACHABLE` when no complete
 * answer arrives in time, `RUNBOOK_BAD_INPUT` for a path that leaves the configured address.
 */
export async function requestHttp(target: HttpTarget, request: HttpRequest): Promise<HttpAnswer> {
  const url = requestUrl(target, request.path ?? '')
  const { request: send } = url.protocol === 'https:' ? await import('node:https') : await import('node:http')
  const started = performance.now()
  const timeout = AbortSignal.timeout(Math.max(1, Math.round(request.timeoutMs)))
  const signal = request.signal ? AbortSignal.any([timeout, request.signal]) : timeout
  try {
    const answer = await new Promise<Omit<HttpAnswer, 'latencyMs'>>((resolve, reject) => {
      const outgoing = send(
        url,
        {
          method: request.method ?? 'GET',
          headers: { 'user-agent': 'runbook', ...request.headers, ...target.headers },
          agent: false,
          signal,
          lookup: (_host, options, done) => {
            const first = target.addresses[0]!
            if (options.all) done(null, target.addresses)
            else done(null, first.address, first.family)
          },
        },
        (response) => readBody(response, request.maxBytes ?? MAX_BODY_BYTES).then(resolve, reject),
      )
      outgoing.on('error', reject)
      outgoing.end(request.body)
    })
    return { ...answer, latencyMs: Math.round(performance.now() - started) }
  } catch (error) {
    const why = timeout.aborted ? `no complete answer within ${Math.round(request.timeoutMs)} ms` : messageOf(error)
    const where = `${url.origin}${url.pathname}`
    throw new RunbookError('RUNBOOK_UNREACHABLE', `connection ${target.connection}: ${where}: ${why}`, { why }, error)
  }
}

async function readBody(response: IncomingMessage, maxBytes: number): Promise<Omit<HttpAnswer, 'latencyMs'>> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    chunks.push(chunk)
    size += chunk.length
    if (size > maxBytes) break
  }
  const body = Buffer.concat(chunks)
  const headers = Object.entries(response.headers).map(([name, value]) => [name, [value].flat().join(', ')])
  return {
    status: response.statusCode ?? 0,
    headers: Object.fromEntries(headers) as Record<string, string>,
    text: body.subarray(0, maxBytes).toString('utf8'),
    truncated: size > maxBytes,
  }
}

/** `/.` and `/..` in any spelling: a value inside a path must not lead to another path. */
const DOT_SEGMENT = /\/(\.|%2e){1,2}(?=[/?#]|$)/i

function requestUrl(target: HttpTarget, path: string): URL {
  const base = target.baseUrl
  const prefix = base.pathname.replace(/\/$/, '')
  const wrong = () =>
    new RunbookError(
      'RUNBOOK_BAD_INPUT',
      `connection ${target.connection}: "${path}" is not a path under ${base.origin}${prefix}/`,
    )
  if (path === '') return base
  if (!path.startsWith('/') || path.startsWith('//') || /[\\\s]/.test(path) || DOT_SEGMENT.test(path)) throw wrong()
  const url = new URL(`${base.origin}${prefix}${path}`)
  if (url.origin !== base.origin || !`${url.pathname}/`.startsWith(`${prefix}/`)) throw wrong()
  return url
}
