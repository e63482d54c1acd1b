import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
import type { Current } from '../core/current.ts'
import { messageOf, RunbookError } from '../core/errors.ts'
import type { Engine } from '../engine/engine.ts'
import { createApi } from './api.ts'

export interface RunningApi {
  /** The address of the API, such as `http://127.0.0.1:8080`. */
  url: string
  /** Accepts no more requests, ends event streams, and waits for the requests in progress. */
  close(): Promise<void>
}

const DRAIN_TIMEOUT_MS = 5_000

/**
 * Serves the API until `close` is called. Port 0 means any free port. Throws `RUNBOOK_UNREACHABLE` if the port cannot be used. A request is
 * answered with the engine that is current when the request arrives.
 */
export async function startApi(
  engine: Current<Engine>,
  { host, port }: { host: string; port: number },
): Promise<RunningApi> {
  const ending = new AbortController()
  let served = apiOf(engine.value, ending.signal)
  engine.onReplaced((next) => {
    const replaced = served
    served = apiOf(next, ending.signal)
    // Event streams end, because a person who was removed from the configuration must not continue to read. The other clients reconnect
    // after the last event that they received.
    replaced.ending.abort()
  })
  const server = createAdaptorServer({
    fetch: (request, env) => engine.use(() => served.api.fetch(request, env)),
  }) as Server
  server.headersTimeout = 10_000
  server.requestTimeout = 30_000
  await listen(server, host, port)
  const address = server.address() as AddressInfo
  const hostname = address.family === 'IPv6' ? `[${address.address}]` : address.address
  return { url: `http://${hostname}:${address.port}`, close: () => close(server, ending) }
}

function apiOf(engine: Engine, serverEnds: AbortSignal) {
  const ending = new AbortController()
  return { api: createApi(engine, { ending: AbortSignal.any([serverEnds, ending.signal]) }), ending }
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const refuse = (error: NodeJS.ErrnoException) => {
      const why = error.code === 'EADDRINUSE' ? 'another program uses the port' : messageOf(error)
      reject(new RunbookError('RUNBOOK_UNREACHABLE', `cannot serve on ${host}:${port}: ${why}`, { host, port }, error))
    }
    server.once('error', refuse)
    server.listen(port, host, () => {
      server.off('error', refuse)
      resolve()
    })
  })
}

async function close(server: Server, ending: AbortController): Promise<void> {
  ending.abort()
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  // A connection that is kept alive becomes idle after its last answer; without this call it would delay the close.
  const idle = setInterval(() => server.closeIdleConnections(), 50)
  const timeout = setTimeout(() => server.closeAllConnections(), DRAIN_TIMEOUT_MS)
  await closed
  clearInterval(idle)
  clearTimeout(timeout)
}
