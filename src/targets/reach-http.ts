import { connect } from 'node:net'
import { messageOf, RunbookError } from '../core/errors.ts'
import type { HttpTarget } from './targets.ts'

const CONNECT_TIMEOUT_MS = 3_000

/** Connects to the service and sends nothing. Throws RunbookError `RUNBOOK_UNREACHABLE` if none of its addresses accepts a connection. */
export async function reachHttp({ connection, baseUrl, addresses }: HttpTarget): Promise<void> {
  const port = Number(baseUrl.port || (baseUrl.protocol === 'https:' ? '443' : '80'))
  let last: unknown
  for (const { address } of addresses) {
    try {
      return await tryConnect(address, port)
    } catch (error) {
      last = error
    }
  }
  const message = `connection ${connection}: ${baseUrl.host} does not answer: ${messageOf(last)}`
  throw new RunbookError('RUNBOOK_UNREACHABLE', message, { connection, address: baseUrl.host, down: true }, last)
}

function tryConnect(host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, timeout: CONNECT_TIMEOUT_MS })
    const end = (error?: Error) => {
      socket.destroy()
      if (error) reject(error)
      else resolve()
    }
    socket.once('connect', () => end())
    socket.once('error', end)
    socket.once('timeout', () => end(new Error(`no connection within ${CONNECT_TIMEOUT_MS} ms`)))
  })
}
