import { connect } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { RedisAddress } from './redis-address.ts'

const TIMEOUT_MS = 1_500

/**
 * A connection without TLS to a port that requires TLS, or with TLS to a port that does not offer it, breaks or gets no answer, as if the
 * server were down. This function tries the other way, without the login. Returns the end of a sentence that begins with the server;
 * undefined if the server does not answer the other way either.
 */
export async function tlsMismatch(address: RedisAddress, error: unknown): Promise<string | undefined> {
  if (!saysNothing(error)) return undefined
  if (!address.tls) return (await answersWithTls(address)) ? 'requires TLS: write rediss:// in the address' : undefined
  return (await answersWithoutTls(address))
    ? 'answers without TLS, which the address requires: write redis:// in the address, or the port that has TLS'
    : undefined
}

function saysNothing(error: unknown): boolean {
  const { code, message } = error as { code?: unknown; message?: unknown }
  return (
    ['ECONNRESET', 'EPIPE', 'ETIMEDOUT'].includes(String(code)) ||
    /^(Connection is closed|connect ETIMEDOUT|Command timed out|Protocol error)/.test(String(message)) ||
    /disconnected before secure TLS connection/.test(String(message))
  )
}

/** Whether the server begins TLS. The certificate of the server does not matter, because nothing is sent and the connection is closed. */
async function answersWithTls({ host, port }: RedisAddress): Promise<boolean> {
  const socket = connectTls({ host, port, rejectUnauthorized: false, timeout: TIMEOUT_MS })
  return new Promise((resolve) => {
    const end = (answer: boolean) => {
      socket.destroy()
      resolve(answer)
    }
    socket.once('secureConnect', () => end(true))
    socket.once('timeout', () => end(false))
    // A server that requires a client certificate ends the handshake with an alert, which only TLS has.
    socket.on('error', (error: NodeJS.ErrnoException) => end(/^ERR_SSL_.*_ALERT_/.test(error.code ?? '')))
    socket.once('close', () => end(false))
  })
}

/** Whether the server answers a PING without TLS, with or without a login. */
async function answersWithoutTls({ host, port }: RedisAddress): Promise<boolean> {
  const socket = connect({ host, port, timeout: TIMEOUT_MS })
  return new Promise((resolve) => {
    const end = (answer: boolean) => {
      socket.destroy()
      resolve(answer)
    }
    socket.once('connect', () => socket.write('PING\r\n'))
    socket.once('data', (data: Buffer) => end(/^(\+PONG|-[A-Z]+ )/.test(data.toString('latin1'))))
    socket.once('timeout', () => end(false))
    socket.on('error', () => end(false))
    socket.once('close', () => end(false))
  })
}
