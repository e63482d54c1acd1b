import type { Pool } from 'pg'
import type { Redis } from 'ioredis'
import type { MemoryBudget } from './memory-budget.ts'

/**
 * Clients for the diagnosed systems, by connection name. `read` and `write` are different credentials. A client is opened at its
 * first use and shared. Throws RunbookError `RUNBOOK_CONFIG` for an unknown name or a connection of another kind, and
 * `RUNBOOK_UNREACHABLE` with connection and address (never the password) when the system does not answer.
 */
export interface Targets {
  /** The memory budget of all checks that read from these systems. */
  memory: MemoryBudget
  postgres(connection: string, access: Access): Promise<PostgresTarget>
  /** For connections of kind `redis` and `bullmq`. */
  redis(connection: string, access: Access): Promise<RedisTarget>
  bullmq(connection: string, access: Access): Promise<BullmqTarget>
  http(connection: string): Promise<HttpTarget>
  process(connection: string): Promise<ProcessTarget>
  logs(connection: string): Promise<LogsTarget>
  close(): Promise<void>
}

export type Access = 'read' | 'write'

export interface PostgresTarget {
  connection: string
  /** The address for messages, without the password: `127.0.0.1:5432/maestro`. */
  address: string
  pool: Pool
  /** Where the ledger of effects is kept: in the target (exactly once) or nowhere (at most once, then observed). */
  ledger: 'target' | 'none'
  /** Column names whose values are replaced before anything is stored. */
  redact: string[]
}

export interface RedisTarget {
  connection: string
  /** The address for messages: `127.0.0.1:6379`. */
  address: string
  redis: Redis
  /** How many further connections may read at the same time. Default: as `DEFAULT_REDIS_CONNECTIONS` allows. */
  lanes?: number
  redact: string[]
}

export interface BullmqTarget extends RedisTarget {
  prefix: string
  queue: string
  /** The beginning of all key names of the queue, such as `maestro:queue`. A colon and the rest of the name follow. */
  base: string
  stalledIntervalMs: number
}

export interface HttpTarget {
  connection: string
  baseUrl: URL
  /** The addresses of the host when the target was opened; requests go only there. */
  addresses: { address: string; family: number }[]
  /** The headers of each request, from the configuration. They are never stored. */
  headers: Record<string, string>
  redact: string[]
}

export interface ProcessTarget {
  connection: string
  cwd: string
  /**
   * The argv of each command, by the command's name, with the absolute path of the program. `{name:int}` and `{name:word}` are
   * placeholders; each is a whole argument or a part of one.
   */
  commands: Record<string, string[]>
  /** All environment variables that the commands get. */
  environment: Record<string, string>
}

export interface LogsTarget {
  connection: string
  /** Absolute glob patterns of log files. */
  files: string[]
  /** The time zone of times that are written without a zone. */
  timeZone?: string
  redact: string[]
}
