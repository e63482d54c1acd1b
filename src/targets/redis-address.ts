import type { Secret } from '../config/secret.ts'
import { RunbookError } from '../core/errors.ts'
import { decodedPart, unencodedPassword } from './explain-connection.ts'
import type { Access } from './targets.ts'

/** Where a Redis server is, and how to log in. */
export interface RedisAddress {
  host: string
  port: number
  db: number
  username?: string
  password?: string
  /** The name that the server's certificate must have. */
  tls?: { servername: string }
}

/** Throws RunbookError `RUNBOOK_CONFIG`. */
export function parseRedisAddress(connection: string, access: Access, secret: Secret): RedisAddress {
  const text = secret.reveal()
  const url = URL.canParse(text) ? new URL(text) : undefined
  const db = url ? Number(url.pathname.slice(1) || '0') : NaN
  const unencoded = unencodedPassword(text)
  if (unencoded || !url || !['redis:', 'rediss:'].includes(url.protocol) || !Number.isInteger(db) || db < 0)
    throw new RunbookError(
      'RUNBOOK_CONFIG',
      `connection ${connection} (${access}): ${unencoded ?? 'the value is not a redis:// or rediss:// address'}`,
    )
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1') || '127.0.0.1'
  return {
    host,
    port: Number(url.port || '6379'),
    db,
    ...(url.username ? { username: decodedPart(url.username) } : {}),
    ...(url.password ? { password: decodedPart(url.password) } : {}),
    ...(url.protocol === 'rediss:' ? { tls: { servername: host } } : {}),
  }
}

export function hostAndPort({ host, port }: { host: string; port: number }): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

export function splitHostAndPort(text: string, defaultPort: number): { host: string; port: number } {
  const { hostname, port } = new URL(`redis://${text}`)
  return { host: hostname.replace(/^\[(.*)\]$/, '$1'), port: Number(port || defaultPort) }
}
