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
  requireOwnVariables(config, name)
  if (connection.kind === 'postgres') return preparePostgres(name, connection, logins, options)
  return prepareRedis(name, connection, logins, options)
}

/**
 * Each login may do only what its connection needs, and its address replaces the value of its variable. If two logins had one
 * variable, preparing one would take away the access of the other. Read logins of PostgreSQL may share a variable, because an address
 * names its database, and each of these logins gets the same rights there.
 */
function requireOwnVariables({ connections }: Pick<Config, 'connections'>, name: string): void {
  const users = Object.entries(connections).flatMap(([connection, fields]) =>
    (['read', 'write'] as const).flatMap((access) => {
      const secret = access in fields ? (fields as { read?: Secret; write?: Secret })[access] : undefined
      return secret?.variable
        ? [{ variable: secret.variable, connection, access, mayShare: access === 'read' && fields.kind === 'postgres' }]
        : []
    }),
  )
  for (const own of users.filter(({ connection }) => connection === name)) {
    const other = users.find((one) => one !== own && one.variable === own.variable && !(one.mayShare && own.mayShare))
    if (!other) continue
    throw new RunbookError(
      'RUNBOOK_CONFIG',
      `connection ${name}: ${own.access} refers to ${own.variable}, and so does ${other.access} of connection ${other.connection}. ` +
        'This command writes a login with rights of its own to each variable, so one would replace the other: ' +
        `use another variable for one of them, such as ${suggestedReference(name, own.access)}`,
    )
  }
}

function suggestedReference(name: string, access: string): string {
  return `\${${name.toUpperCase().replace(/[^A-Z0-9]/g, '_')}_${access.toUpperCase()}}`
}

function wantedLogin(name: string, access: string, secret: Secret): WantedLogin {
  if (secret.variable) return { variable: secret.variable, current: secret.known ? secret.reveal() : undefined }
  throw new RunbookError(
    'RUNBOOK_CONFIG',
    `connection ${name}: ${access} must be one reference, such as ${suggestedReference(name, access)}: ` +
      'this command creates the address and writes it to .runbook/env',
  )
}
