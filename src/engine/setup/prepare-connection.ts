import type { Config } from '../../config/config.ts'
import type { Secret } from '../../config/secret.ts'
import { defined } from '../../core/defined.ts'
import { RunbookError } from '../../core/errors.ts'
import { findConnection } from '../../targets/open-targets.ts'
import type { PrepareOptions, PreparedConnection, WantedLogin } from './prepared-connection.ts'
import { preparePostgres } from './prepare-postgres.ts'
import { prepareRedis } from './prepare-redis.ts'

/**
 * Creates the credentials of a connection: a read-only one, and, if the configuration has `write`, one with the rights that the actions
 * need. Calling it again resets the rights and keeps the passwords that work. Throws RunbookError.
 */
export async function prepareConnection(
  config: Pick<Config, 'connections'>,
  name: string,
  options: PrepareOptions,
): Promise<PreparedConnection> {
  const connection = findConnection(config, name, ['postgres', 'bullmq', 'redis'])
  const read = wantedLogin(name, 'read', connection.read)
  const write = connection.write && wantedLogin(name, 'write', connection.write)
  const logins = defined({ read, write })
  if (connection.kind === 'postgres') return preparePostgres(name, connection, logins, options)
  return prepareRedis(name, connection, logins, options)
}

function wantedLogin(name: string, access: string, secret: Secret): WantedLogin {
  if (secret.variable) return { variable: secret.variable, current: secret.known ? secret.reveal() : undefined }
  throw new RunbookError(
    'RUNBOOK_CONFIG',
    `connection ${name}: ${access} must be one reference, such as \${${name.toUpperCase().replace(/[^A-Z0-9]/g, '_')}_${access.toUpperCase()}}: ` +
      'this command creates the address and writes it to .runbook/env',
  )
}
