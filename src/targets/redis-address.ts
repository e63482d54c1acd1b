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
  tls?: RedisTls
}

export interface RedisTls {
  /** The name that the server's certificate must have. */
  servername: string
  /** The IP address by which another server named this server. The certificate may have this address instead of the name. */
  ip?: string
  /** Paths of PEM files: the CA of the server's certificate, and the certificate and key of this client. */
  files: { ca?: string; cert?: string; key?: string }
}

/** Parses the address of a Redis server. Throws RunbookError `RUNBOOK_CONFIG`. */
export function parseRedisAddress(connection: string, access: Access | 'admin', text: string): RedisAddress {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const db = url ? Number(url.pathname.slice(1) || '0') : NaN
  const unencoded = unencodedPassword(text)
  if (unencoded || !url || !['redis:', 'rediss:'].includes(url.protocol) || !Number.isInteger(db) || db < 0)
    throw new RunbookError(
      'RUNBOOK_CONFIG',
      `connection ${connection} (${access}): ${unencoded ?? 'the value is not a redis:// or rediss:// address'}`,
    )
  const files = tlsFiles(connection, access, url)
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1') || '127.0.0.1'
  return {
    host,
    port: Number(url.port || '6379'),
    db,
    ...(url.username ? { username: decodedPart(url.username) } : {}),
    ...(url.password ? { password: decodedPart(url.password) } : {}),
    ...(url.protocol === 'rediss:' ? { tls: { servername: host, files } } : {}),
  }
}

/** The parameters that name files. They have the same names as in the address of a PostgreSQL server. */
const FILE_PARAMETERS = { sslrootcert: 'ca', sslcert: 'cert', sslkey: 'key' } as const

/**
 * Returns the files that the parameters of the address name. Other parameters are refused, because clients interpret them differently, and
 * ignoring "db" would read another database. The message does not name the parameter, because it may be part of a password that contains
 * "?". Only "family" is allowed and ignored, because IPv4 and IPv6 are both tried.
 */
function tlsFiles(connection: string, access: Access | 'admin', url: URL): RedisTls['files'] {
  const refuse = (why: string) => {
    throw new RunbookError('RUNBOOK_CONFIG', `connection ${connection} (${access}): ${why}`)
  }
  const files: RedisTls['files'] = {}
  for (const [name, path] of url.searchParams) {
    if (name === 'family') continue
    if (!Object.hasOwn(FILE_PARAMETERS, name))
      refuse(
        'the address has a parameter that is not supported. Supported are sslrootcert, sslcert and sslkey. The number of a database is written as redis://host:port/3, and TLS as rediss://',
      )
    files[FILE_PARAMETERS[name as keyof typeof FILE_PARAMETERS]] = path
  }
  if (Object.keys(files).length > 0 && url.protocol !== 'rediss:')
    refuse('the address names files of certificates, but no TLS: write rediss:// instead of redis://')
  if ((files.cert === undefined) !== (files.key === undefined))
    refuse('a client certificate needs both sslcert and sslkey in the address')
  return files
}

/**
 * The address of a server that another server named: a node of a cluster, a replica, or the primary that a sentinel knows. It has the same
 * user, password and certificate. If the server is known only by its IP address, its certificate may have that address or the name in the
 * configured address.
 */
export function nodeAddress(seed: RedisAddress, { host, port }: { host: string; port: number }): RedisAddress {
  const isName = /[a-z]/i.test(host) && !host.includes(':')
  const identity = isName ? { servername: host } : { ip: host }
  return {
    ...seed,
    host: host || seed.host,
    port,
    ...(seed.tls && host ? { tls: { ...seed.tls, ...identity } } : {}),
  }
}

export function hostAndPort({ host, port }: { host: string; port: number }): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

export function splitHostAndPort(text: string, defaultPort: number): { host: string; port: number } {
  const { hostname, port } = new URL(`redis://${text}`)
  return { host: hostname.replace(/^\[(.*)\]$/, '$1'), port: Number(port || defaultPort) }
}
