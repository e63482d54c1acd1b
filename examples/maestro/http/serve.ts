import { createHash, timingSafeEqual } from 'node:crypto'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import { MaestroError, messageOf } from '../errors.ts'

export interface Reply {
  status?: number
  /** A string is sent as text, anything else as JSON. */
  body: unknown
}

/** Handlers by method and path, such as `POST /workers`. A body must be JSON: a web page cannot send JSON here without a CORS preflight. */
export type Routes = Record<string, (body: Record<string, unknown>) => Promise<Reply> | Reply>

const MAX_BODY_BYTES = 64_000

/** Serves the routes on 127.0.0.1. If `token` is set, all routes except `GET /health` require it in the header `x-maestro-token`. */
export async function serve(port: number, routes: Routes, token?: string): Promise<Server> {
  const server = createServer((request, response) => {
    void answer(request, routes, token)
      .catch((error: unknown) => ({
        status: error instanceof MaestroError && error.kind === 'usage' ? 400 : 500,
        body: { error: messageOf(error) },
      }))
      .then(({ status = 200, body }: Reply) => {
        const isText = typeof body === 'string'
        response.writeHead(status, { 'content-type': isText ? 'text/plain; charset=utf-8' : 'application/json' })
        response.end(isText ? body : JSON.stringify(body))
      })
  })
  await new Promise<void>((listening, failed) => {
    server.once('error', failed)
    server.listen(port, '127.0.0.1', listening)
  })
  return server
}

/** Response of `GET /health`: 200 if `check` succeeds, otherwise 503 with the reason. */
export async function health(check: () => Promise<unknown>): Promise<Reply> {
  try {
    await check()
    return { body: { status: 'ok' } }
  } catch (error) {
    return { status: 503, body: { status: 'failing', error: messageOf(error) } }
  }
}

/** Stops listening and closes all open connections. */
export async function stopServing(server: Server): Promise<void> {
  const closed = new Promise<void>((done) => server.close(() => done()))
  server.closeAllConnections()
  await closed
}

async function answer(request: IncomingMessage, routes: Routes, token: string | undefined): Promise<Reply> {
  const endpoint = `${request.method} ${request.url?.split('?')[0]}`
  if (token !== undefined && endpoint !== 'GET /health' && !equalsToken(request.headers['x-maestro-token'], token)) {
    return { status: 401, body: { error: 'x-maestro-token is missing or wrong' } }
  }
  const route = routes[endpoint]
  if (!route) return { status: 404, body: { error: `no route ${endpoint}` } }
  return route(await readBody(request))
}

/** Compares in constant time. Digests have equal lengths, which timingSafeEqual requires. */
function equalsToken(value: unknown, expected: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(String(value)), digest(expected))
}

async function readBody(request: IncomingMessage): Promise<Record<string, unknown>> {
  if (request.method === 'GET') return {}
  if (request.headers['content-type']?.split(';')[0] !== 'application/json') {
    throw new MaestroError('usage', 'the body must be application/json')
  }
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > MAX_BODY_BYTES) throw new MaestroError('usage', `the body is longer than ${MAX_BODY_BYTES} bytes`)
    chunks.push(chunk)
  }
  try {
    const body: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8') || '{}')
    if (typeof body === 'object' && body !== null && !Array.isArray(body)) return { ...body }
  } catch {
    // Invalid JSON gets the same error as JSON that is not an object.
  }
  throw new MaestroError('usage', 'the body is not a JSON object')
}
