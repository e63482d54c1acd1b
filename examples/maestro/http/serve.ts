import { createHash, timingSafeEqual } from 'node:crypto'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import { MaestroError, messageOf } from '../errors.ts'

export interface Reply {
  status?: number
  /** A string is sent as text, anything else as JSON. */
  body: unknown
}

/** `POST /workers` → what answers it. A body must be JSON: a page in a browser cannot send that here without asking first. */
export type Routes = Record<string, (body: Record<string, unknown>) => Promise<Reply> | Reply>

const MOST_BODY_BYTES = 64_000

/** Serves the routes on 127.0.0.1. `token`: what `x-maestro-token` must say, where given, for all but `/health`. */
export async function serve(port: number, routes: Routes, token?: string): Promise<Server> {
  const server = createServer((request, response) => {
    void answer(request, routes, token)
      .catch((error: unknown) => ({
        status: error instanceof MaestroError && error.kind === 'usage' ? 400 : 500,
        body: { error: messageOf(error) },
      }))
      .then(({ status = 200, body }: Reply) => {
        const text = typeof body === 'string'
        response.writeHead(status, { 'content-type': text ? 'text/plain; charset=utf-8' : 'application/json' })
        response.end(text ? body : JSON.stringify(body))
      })
  })
  await new Promise<void>((listening, failed) => {
    server.once('error', failed)
    server.listen(port, '127.0.0.1', listening)
  })
  return server
}

/** What `GET /health` answers: 200 while `check` succeeds, else 503 with the reason. */
export async function health(check: () => Promise<unknown>): Promise<Reply> {
  try {
    await check()
    return { body: { status: 'ok' } }
  } catch (error) {
    return { status: 503, body: { status: 'failing', error: messageOf(error) } }
  }
}

/** Stops listening and ends the connections that are open. */
export async function stopServing(server: Server): Promise<void> {
  const closed = new Promise<void>((done) => server.close(() => done()))
  server.closeAllConnections()
  await closed
}

async function answer(request: IncomingMessage, routes: Routes, token: string | undefined): Promise<Reply> {
  const called = `${request.method} ${request.url?.split('?')[0]}`
  if (token !== undefined && called !== 'GET /health' && !sameText(request.headers['x-maestro-token'], token)) {
    return { status: 401, body: { error: 'x-maestro-token is missing or wrong' } }
  }
  const route = routes[called]
  if (!route) return { status: 404, body: { error: `nothing at ${called}` } }
  return route(await readBody(request))
}

/** Compares digests, which have the same length whatever was sent. */
function sameText(given: unknown, expected: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(String(given)), digest(expected))
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
    if (bytes > MOST_BODY_BYTES) throw new MaestroError('usage', `the body is longer than ${MOST_BODY_BYTES} bytes`)
    chunks.push(chunk)
  }
  try {
    const body: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8') || '{}')
    if (typeof body === 'object' && body !== null && !Array.isArray(body)) return { ...body }
  } catch {
    // Falls through to the same answer as JSON of another shape.
  }
  throw new MaestroError('usage', 'the body is not a JSON object')
}
