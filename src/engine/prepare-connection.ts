import type { Config } from '../config/config.ts'
import type { Secret } from '../config/secret.ts'
import { RunbookError } from '../core/errors.ts'
import { findConnection } from '../targets/open-targets.ts'
import { preparePostgres } from './prepare-postgres.ts'
import { prepareRedis } from './prepare-redis.ts'

export interface PrepareOptions {
  /** Who may create roles or users; for PostgreSQL in the database that is to be diagnosed. */
  adminUrl: string
  /** PostgreSQL: all their tables may be read, those to come included. Default: `public`. */
  schemas?: string[]
  /** PostgreSQL: what the actions of the runbooks change, and what their guards look at. */
  grants?: ColumnGrant[]
}

export interface ColumnGrant {
  /** `runs` or `public.runs` */
  table: string
  update: string[]
  select: string[]
}

export interface PreparedConnection {
  /** What was done, for people, in order. Holds no secret. */
  did: string[]
  /** What could not be done, or should be known. */
  warnings: string[]
  /** Variable → address with its password, for `.runbook/env`; never to be printed. */
  env: Record<string, string>
}

/** One login to be made: the variable its address goes to, and the address in use, whose password is kept while it works. */
export interface WantedLogin {
  variable: string
  current: string | undefined
}

/**
 * Makes the credentials of a connection: one that can only read, and where the configuration has `write` one that can do what the
 * actions need. Safe to repeat: rights are set anew, passwords that work are kept. Throws RunbookError.
 */
export async function prepareConnection(
  config: Pick<Config, 'connections'>,
  name: string,
  options: PrepareOptions,
): Promise<PreparedConnection> {
  const connection = findConnection(config, name, ['postgres', 'bullmq', 'redis'])
  const read = wantedLogin(name, 'read', connection.read)
  const write = connection.write && wantedLogin(name, 'write', connection.write)
  const logins = { read, ...(write ? { write } : {}) }
  if (connection.kind === 'postgres') return preparePostgres(name, connection, logins, options)
  return prepareRedis(name, connection, logins, options.adminUrl)
}

function wantedLogin(name: string, access: string, secret: Secret): WantedLogin {
  if (secret.variable) return { variable: secret.variable, current: secret.known ? secret.reveal() : undefined }
  throw new RunbookError(
    'RUNBOOK_CONFIG',
    `connection ${name}: write ${access} as one reference, such as \${${name.toUpperCase().replace(/[^A-Z0-9]/g, '_')}_${access.toUpperCase()}}: ` +
      'its address is made here and goes to .runbook/env',
  )
}
