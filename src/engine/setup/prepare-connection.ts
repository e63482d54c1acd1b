import type { Config } from '../../config/config.ts'
import type { Secret } from '../../config/secret.ts'
import { RunbookError } from '../../core/errors.ts'
import { findConnection } from '../../targets/open-targets.ts'
import type { PrepareOptions, PreparedConnection, WantedLogin } from './prepared-connection.ts'
import { preparePostgres } from './prepare-postgres.ts'
import { prepareRedis } from './prepare-redis.ts'

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
