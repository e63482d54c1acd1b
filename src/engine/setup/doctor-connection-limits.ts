import { DEFAULT_POSTGRES_CONNECTIONS, DEFAULT_REDIS_CONNECTIONS } from '../../config/config.ts'
import type { BullmqConnection, PostgresConnection, RedisConnection } from '../../config/config.ts'
import type { Limitation } from './doctor-servers.ts'

/** The processes that open connections. `workers` is undefined where Temporal did not say who polls the queues. */
export interface Processes {
  workers: number | undefined
}

/** What a PostgreSQL allows one login. -1: no limit. */
export interface PostgresLimits {
  role: string
  roleLimit: number
  databaseLimit: number
  /** Without the connections that are reserved for superusers. */
  serverLimit: number
}

/** The limits of the role and of the database do not hold for superusers, so none are read for them. */
export const POSTGRES_LIMITS = `SELECT current_user::text AS role,
    CASE WHEN r.rolsuper THEN -1 ELSE r.rolconnlimit END AS "roleLimit",
    CASE WHEN r.rolsuper THEN -1 ELSE d.datconnlimit END AS "databaseLimit",
    current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
      - coalesce(current_setting('reserved_connections', true)::int, 0) AS "serverLimit"
  FROM pg_roles r, pg_database d WHERE r.rolname = current_user AND d.datname = current_database()`

/** Where the processes may open more connections than the server allows: checks and actions then wait for each other, or for the server. */
export function tooManyPostgresConnections(
  { maxConnections = DEFAULT_POSTGRES_CONNECTIONS }: Pick<PostgresConnection, 'maxConnections'>,
  limits: { read: PostgresLimits; write?: PostgresLimits },
  processes: Processes,
): Limitation[] {
  const { read, write } = limits
  const count = countOf(processes)
  const wanted = { read: count * maxConnections.read, write: write ? count * maxConnections.write : 0 }
  const total = wanted.read + wanted.write
  const isOneRole = write?.role === read.role
  const found: Limitation[] = []
  for (const access of ['read', 'write'] as const) {
    const login = limits[access]
    if (!login || login.roleLimit < 0 || (isOneRole && access === 'write')) continue
    const need = isOneRole ? total : wanted[access]
    if (need <= login.roleLimit) continue
    const keys = isOneRole && write ? 'maxConnections' : `maxConnections.${access}`
    found.push({
      detail: `role ${login.role} may have ${connections(login.roleLimit)}, but ${who(processes)} may open ${need}`,
      // oxlint-disable-next-line runbook/sql-text -- a statement for people; a number and a quoted name
      fix: `ALTER ROLE "${login.role.replaceAll('"', '""')}" CONNECTION LIMIT ${need}, or set a smaller ${keys}`,
    })
  }
  const shared = [
    { limit: read.databaseLimit, of: 'its database', fix: 'raise its CONNECTION LIMIT (ALTER DATABASE)' },
    { limit: read.serverLimit, of: 'its server, without the reserved ones,', fix: 'raise its max_connections' },
  ]
  for (const { limit, of, fix } of shared)
    if (limit >= 0 && total > limit)
      found.push({
        detail: `${of} may have ${connections(limit)} in all, but ${who(processes)} may open ${total}`,
        fix: `${fix}, or set a smaller maxConnections`,
      })
  return found
}

/** `info`: the section `clients` of INFO. Redis 6 does not report its limit there; then nothing is known and nothing is said. */
export function tooManyRedisConnections(
  {
    maxConnections = DEFAULT_REDIS_CONNECTIONS,
    write,
  }: Pick<BullmqConnection | RedisConnection, 'maxConnections' | 'write'>,
  info: string,
  processes: Processes,
): Limitation[] {
  const limit = /^maxclients:(\d+)/m.exec(info)?.[1]
  const need = countOf(processes) * (maxConnections.read + (write ? 1 : 0))
  if (limit === undefined || need <= Number(limit)) return []
  return [
    {
      detail: `the server accepts ${connections(Number(limit))} in all (maxclients), but ${who(processes)} may open ${need}`,
      fix: 'raise its maxclients, or set a smaller maxConnections.read',
    },
  ]
}

/** The API process has connections of its own, for previews. Where no worker runs, one will. */
function countOf({ workers }: Processes): number {
  return Math.max(1, workers ?? 1) + 1
}

function who({ workers }: Processes): string {
  if (workers === undefined || workers === 0) return 'one worker and the API'
  return `${workers === 1 ? 'the worker' : `${workers} workers`} and the API`
}

function connections(count: number): string {
  return count === 1 ? '1 connection' : `${count} connections`
}
