import type { ConnectionConfig } from '../../config/config.ts'
import type { JsonObject } from '../../core/json.ts'

/** A check that the page of a connection runs. */
export interface ConnectionCheck {
  kind: string
  parameters: JsonObject
}

/** Sessions of other people are visible only to members of `pg_monitor`; of the others, PostgreSQL shows that they exist. */
const SESSIONS = `SELECT coalesce(a.state, 'not visible') AS state, count(*)::int AS sessions,
    (extract(epoch FROM max(clock_timestamp() - a.xact_start)) * 1000)::int8 AS oldest_transaction_ms
  FROM pg_stat_activity a
  WHERE a.datname = current_database() AND (a.backend_type = 'client backend' OR a.backend_type IS NULL) AND a.pid <> pg_backend_pid()
  GROUP BY 1 ORDER BY 2 DESC, 1`

const SERVER = `SELECT count(*)::int AS used, current_setting('max_connections')::int AS max_connections,
    current_setting('superuser_reserved_connections')::int AS reserved,
    pg_has_role(current_user, 'pg_monitor', 'USAGE') AS sees_all, pg_is_in_recovery() AS is_replica
  FROM pg_stat_activity a WHERE a.backend_type = 'client backend' OR a.backend_type IS NULL`

/** The text of statements is left out, because it can contain personal data. */
const TRANSACTIONS = `SELECT a.pid, a.usename AS "user", a.application_name AS application, a.state, a.wait_event_type AS waits_for,
    (extract(epoch FROM clock_timestamp() - a.xact_start) * 1000)::int8 AS transaction_ms,
    (extract(epoch FROM clock_timestamp() - a.state_change) * 1000)::int8 AS state_ms
  FROM pg_stat_activity a
  WHERE a.datname = current_database() AND a.xact_start IS NOT NULL AND a.pid <> pg_backend_pid()
  ORDER BY a.xact_start`

const BLOCKERS = `SELECT h.pid AS blocker, h.usename AS "user", h.application_name AS application, h.state,
    (extract(epoch FROM clock_timestamp() - h.xact_start) * 1000)::int8 AS transaction_ms,
    count(DISTINCT w.pid)::int AS blocked,
    (extract(epoch FROM max(clock_timestamp() - w.state_change)) * 1000)::int8 AS max_wait_ms
  FROM pg_stat_activity w CROSS JOIN LATERAL unnest(pg_blocking_pids(w.pid)) AS b (pid) LEFT JOIN pg_stat_activity h ON h.pid = b.pid
  WHERE w.datname = current_database() AND w.wait_event_type = 'Lock'
  GROUP BY 1, 2, 3, 4, 5 ORDER BY blocked DESC, blocker`

const CHECKS: Partial<Record<ConnectionConfig['kind'], Record<string, (connection: string) => ConnectionCheck>>> = {
  bullmq: {
    queue: (connection) => ({ kind: 'bullmq.queue', parameters: { connection } }),
    active: (connection) => ({ kind: 'bullmq.jobs', parameters: { connection, states: ['active'], limit: 100 } }),
    completed: (connection) => ({
      kind: 'bullmq.jobs',
      parameters: { connection, states: ['completed'], since: '1h', limit: 500 },
    }),
    failures: (connection) => ({ kind: 'bullmq.failures', parameters: { connection, since: '24h', limit: 1_000 } }),
    server: (connection) => ({ kind: 'redis.info', parameters: { connection } }),
  },
  redis: { server: (connection) => ({ kind: 'redis.info', parameters: { connection } }) },
  postgres: {
    server: (connection) =>
      query(connection, SERVER, {
        ...{ used: 'int', max_connections: 'int', reserved: 'int', sees_all: 'bool', is_replica: 'bool' },
      }),
    sessions: (connection) =>
      query(connection, SESSIONS, {
        ...{ state: 'string', sessions: 'int', oldest_transaction_ms: 'int?' },
      }),
    transactions: (connection) =>
      query(connection, TRANSACTIONS, {
        ...{ pid: 'int', user: 'string?', application: 'string?', state: 'string?', waits_for: 'string?' },
        ...{ transaction_ms: 'int', state_ms: 'int?' },
      }),
    blockers: (connection) =>
      query(connection, BLOCKERS, {
        ...{ blocker: 'int?', user: 'string?', application: 'string?', state: 'string?', transaction_ms: 'int?' },
        ...{ blocked: 'int', max_wait_ms: 'int?' },
      }),
  },
}

function query(connection: string, sql: string, columns: JsonObject): ConnectionCheck {
  return { kind: 'sql.query', parameters: { connection, sql, columns } }
}

/** The checks for a connection of this kind, by the name of what they read. Empty for a kind of which nothing is read. */
export function checksFor(kind: ConnectionConfig['kind'], connection: string): Record<string, ConnectionCheck> {
  return Object.fromEntries(Object.entries(CHECKS[kind] ?? {}).map(([name, check]) => [name, check(connection)]))
}
