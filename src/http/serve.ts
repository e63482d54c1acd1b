import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
import { messageOf, RunbookError } from '../core/errors.ts'
import type { Engine } from '../engine/engine.ts'
import { createApi } from './api.ts'

export interface RunningApi {
  /** `http://127.0.0.1:8080` */
  url: string
  /** Takes no more requests, ends event streams, and waits for what is under way. */
  close(): Promise<void>
}

const DRAIN_MS = 5_000

/** Serves the API until closed. Port 0 takes a free one. Throws `RUNBOOK_UNREACHABLE` when the port cannot be had. */
export async function startApi(engine: Engine, { host, port }: { host: string; port: number }): Promise<RunningApi> {
  const ending = new AbortController()
  const api = createApi(engine, { ending: ending.signal })
  const server = createAdaptorServer({ fetch: api.fetch }) as Server
  server.headersTimeout = 10_000
  server.requestTimeout = 30_000
  await listen(server, host, port)
  const address = server.address() as AddressInfo
  const shown = address.family === 'IPv6' ? `[${address.address}]` : address.address
  return { url: `http://${shown}:${address.port}`, close: () => close(server, ending) }
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const refuse = (error: NodeJS.ErrnoException) => {
      const why = error.code === 'EADDRINUSE' ? 'the port is taken' : messageOf(error)
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
  // A connection that is kept alive becomes idle when its last answer is out, and would then be waited for.
  const idle = setInterval(() => server.closeIdleConnections(), 50)
  const impatient = setTimeout(() => server.closeAllConnections(), DRAIN_MS)
  await closed
  clearInterval(idle)
  clearTimeout(impatient)
}
