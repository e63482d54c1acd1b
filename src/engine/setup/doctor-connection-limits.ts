import { DEFAULT_POSTGRES_CONNECTIONS, DEFAULT_REDIS_CONNECTIONS } from '../../config/config.ts'
import type { BullmqConnection, PostgresConnection, RedisConnection } from '../../config/config.ts'
import { ENGINE_POOL } from '../engine.ts'
import type { Limitation } from './doctor-servers.ts'

/** The processes that open connections. `workers` is undefined if Temporal did not say which workers poll its queues. */
export interface Processes {
  workers: number | undefined
}

/** The numbers of connections that a PostgreSQL server allows one login. -1: no limit. */
export interface PostgresLimits {
  role: string
  roleLimit: number
  database: string
  databaseLimit: number
  /** A value that identifies the server until it starts again. All logins of one server have the same value. */
  server: string
  /** The server's limit, without the connections that are reserved for superusers. */
  serverLimit: number
}

/** The limits of the role and of the database. Superusers have no such limits, so nothing is read for them. */
export const POSTGRES_LIMITS = `SELECT current_user::text AS role, current_database()::text AS database,
    extract(epoch FROM pg_postmaster_start_time())::text || ' on port ' || current_setting('port') AS server,
    CASE WHEN r.rolsuper THEN -1 ELSE r.rolconnlimit END AS "roleLimit",
    CASE WHEN r.rolsuper THEN -1 ELSE d.datconnlimit END AS "databaseLimit",
    current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
      - coalesce(current_setting('reserved_connections', true)::int, 0) AS "serverLimit"
  FROM pg_roles r, pg_database d WHERE r.rolname = current_user AND d.datname = current_database()`

/** How many connections all processes together may open with one login, and the limits that apply to it. */
export interface LoginUse {
  /** The name of the connection in the configuration. */
  connection: string
  /** The key of the configuration that sets the number; undefined if none does. */
  key: string | undefined
  need: number
  limits: ServerLimit[]
}

interface ServerLimit {
  /** A value that is the same for all logins that the limit counts together. */
  scope: string
  most: number
  /** The limit as text, such as `role reader may have 9 connections`. */
  says: string
  raise(need: number): string
}

const ENGINE = "the engine's own database"

export function postgresUse(
  connection: string,
  access: 'read' | 'write',
  { maxConnections = DEFAULT_POSTGRES_CONNECTIONS }: Pick<PostgresConnection, 'maxConnections'>,
  limits: PostgresLimits,
  processes: Processes,
): LoginUse {
  const need = countOf(processes) * maxConnections[access]
  return { connection, key: `maxConnections.${access}`, need, limits: postgresLimits(limits) }
}

export function engineUse(limits: PostgresLimits, processes: Processes): LoginUse {
  const need = workersOf(processes) * ENGINE_POOL.worker + ENGINE_POOL.api
  return { connection: ENGINE, key: undefined, need, limits: postgresLimits(limits) }
}

function postgresLimits(limits: PostgresLimits): ServerLimit[] {
  const { role, roleLimit, database, databaseLimit, server, serverLimit } = limits
  const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`
  return [
    {
      scope: `${server}, role ${role}`,
      most: roleLimit,
      says: `role ${role} may have ${connections(roleLimit)}`,
      // oxlint-disable-next-line runbook/sql-text -- the statement is only shown to people; it contains a number and a quoted name
      raise: (need) => `ALTER ROLE ${quoted(role)} CONNECTION LIMIT ${need}`,
    },
    {
      scope: `${server}, database ${database}`,
      most: databaseLimit,
      says: `database ${database} may have ${connections(databaseLimit)} in all`,
      // oxlint-disable-next-line runbook/sql-text -- the statement is only shown to people; it contains a number and a quoted name
      raise: (need) => `ALTER DATABASE ${quoted(database)} CONNECTION LIMIT ${need} or more`,
    },
    {
      scope: server,
      most: serverLimit,
      says: `the server, without its reserved connections, may have ${connections(serverLimit)} in all`,
      raise: () => 'raise max_connections of the server',
    },
  ]
}

/**
 * Reads the limit from the sections `server` and `clients` of INFO. Redis 6 does not report its limit there; then the limit is unknown and
 * nothing is reported.
 */
export function redisUse(
  connection: string,
  {
    maxConnections = DEFAULT_REDIS_CONNECTIONS,
    write,
  }: Pick<BullmqConnection | RedisConnection, 'maxConnections' | 'write'>,
  info: string,
  processes: Processes,
): LoginUse | undefined {
  const most = /^maxclients:(\d+)/m.exec(info)?.[1]
  if (most === undefined) return undefined
  const limit = {
    scope: `Redis ${/^run_id:(\w+)/m.exec(info)?.[1] ?? connection}`,
    most: Number(most),
    says: `the server accepts ${connections(Number(most))} in all (maxclients)`,
    raise: () => 'raise maxclients of the server',
  }
  const need = countOf(processes) * (maxConnections.read + (write ? 1 : 0))
  return { connection, key: 'maxConnections.read', need, limits: [limit] }
}

/**
 * Finds where the processes may open more connections than the server allows. Checks and actions would then wait for each other, or for the
 * server.
 */
export function tooManyConnections(uses: LoginUse[], processes: Processes): Limitation[] {
  return exceeded(uses).map(({ limit, need, counted }) => ({
    detail: `${limit.says}, but ${who(processes)} may open ${need}`,
    fix: `${limit.raise(need)}, or set a smaller ${keyOf(counted)}`,
  }))
}

/** Finds the limits that several connections of the configuration, or the engine's own database, exceed together. */
export function sharedTooMany(uses: LoginUse[], processes: Processes): Limitation[] {
  return exceeded(uses).flatMap(({ limit, need, counted }) => {
    const names = [...new Set(counted.map(({ connection }) => connection))].sort()
    if (names.length === 1 && names[0] !== ENGINE) return []
    const parts = names.map((name) => `${name} ${sumOf(counted.filter(({ connection }) => connection === name))}`)
    const key = counted.some((one) => one.key !== undefined) ? ', or set a smaller maxConnections' : ''
    return [
      {
        detail: `${limit.says}, but ${who(processes)} may open ${need}: ${parts.join(', ')}`,
        fix: `${limit.raise(need)}${key}`,
      },
    ]
  })
}

/** The limits that are lower than the sum of the connections that they count. */
function exceeded(uses: LoginUse[]): { limit: ServerLimit; need: number; counted: LoginUse[] }[] {
  const limits = new Map(uses.flatMap((use) => use.limits).map((limit) => [limit.scope, limit]))
  return [...limits.values()].flatMap((limit) => {
    const counted = uses.filter((use) => use.limits.some(({ scope }) => scope === limit.scope))
    const need = sumOf(counted)
    return limit.most >= 0 && need > limit.most ? [{ limit, need, counted }] : []
  })
}

function sumOf(uses: LoginUse[]): number {
  return uses.reduce((sum, { need }) => sum + need, 0)
}

function keyOf(uses: LoginUse[]): string {
  const keys = new Set(uses.map(({ key }) => key))
  return keys.size === 1 ? ([...keys][0] ?? 'maxConnections') : 'maxConnections'
}

/** The number of processes. The API process opens connections too, for previews. */
function countOf(processes: Processes): number {
  return workersOf(processes) + 1
}

/** If no worker runs now, one worker is counted, because one will run. */
function workersOf({ workers }: Processes): number {
  return Math.max(1, workers ?? 1)
}

function who({ workers }: Processes): string {
  if (workers === undefined || workers === 0) return 'one worker and the API'
  return `${workers === 1 ? 'the worker' : `${workers} workers`} and the API`
}

function connections(count: number): string {
  return count === 1 ? '1 connection' : `${count} connections`
}
