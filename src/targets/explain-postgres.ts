import { scrubSecrets } from '../config/secret.ts'
import { messageOf, RunbookError } from '../core/errors.ts'
import { decodedPart, fileProblem, tlsProblem, unencodedPassword } from './explain-connection.ts'
import type { Access } from './targets.ts'

/**
 * The error for a connection that could not be opened: the reason, and what to do. Its code is `RUNBOOK_CONFIG` if the configuration must
 * be changed.
 */
export function postgresConnectError(target: { connection: string; address: string }, error: unknown): RunbookError {
  const { code, severity } = error as { code?: unknown; severity?: unknown }
  const why = scrubSecrets(messageOf(error))
  const what = `connection ${target.connection}: PostgreSQL at ${target.address}`
  const detail = { connection: target.connection, address: target.address }
  const config = (text: string) => new RunbookError('RUNBOOK_CONFIG', `${what} ${text}`, detail, error)
  const later = (text: string) =>
    new RunbookError('RUNBOOK_UNREACHABLE', `${what} ${text}`, { ...detail, down: true }, error)
  const state = typeof code === 'string' ? code : ''
  const mistake = fileProblem(error, why) ?? tlsProblem(error, why)
  if (mistake) return config(mistake)
  if (/no encryption|SSL (is )?(required|off)/i.test(why))
    return config(`refuses the login: ${why}. If it requires TLS, add sslmode=verify-full to the address`)
  // SQLSTATE classes 28 (authorization) and 3D (no such database): the server answers, so the configuration must change.
  if (/^(28|3D)/.test(state)) return config(`refuses the login: ${why}`)
  // Poolers send the code 08P01 with every kind of error, so the message decides.
  if (state === '08P01' && /startup parameter/.test(why))
    return config(`is a pooler that refuses a parameter of the address: ${why}. Remove "options" from the address`)
  if (
    state === '08P01' &&
    /authentication failed|no such (user|database)|not allowed|Tenant or user not found/i.test(why)
  )
    return config(`refuses the login: ${why}`)
  // The server answers with an error, but may accept a connection later, for example when it has started or a
  // connection is free.
  if (severity !== undefined) return later(`does not accept a connection now: ${why}`)
  return later(`does not answer: ${why}`)
}

/**
 * Host, port and database of an address, for messages. Accepts every form that the driver accepts, including an empty
 * host with `?host=/path/of/a/socket`.
 */
export function postgresAddress(connection: string, access: Access | 'admin', text: string): string {
  const unencoded = unencodedPassword(text)
  const url = unencoded === undefined ? postgresUrl(text) : undefined
  if (!url) {
    const why = unencoded ?? 'the value is not a postgres:// address of one server'
    throw new RunbookError('RUNBOOK_CONFIG', `connection ${connection} (${access}): ${why}`)
  }
  const host = url.searchParams.get('host') ?? decodedPart(url.hostname)
  return `${host}:${url.searchParams.get('port') ?? (url.port || '5432')}${url.pathname}`
}

/**
 * The parsed address; undefined if it is not valid. An empty host, which is allowed before `?host=/path/of/a/socket`,
 * becomes `localhost`; the driver then uses the parameter.
 */
export function postgresUrl(text: string): URL | undefined {
  const withHost = text.replace(/^(postgres(?:ql)?:\/\/(?:[^@/?#]*@)?)(?=[/?#])/i, '$1localhost')
  return /^postgres(ql)?:\/\//i.test(withHost) && URL.canParse(withHost) ? new URL(withHost) : undefined
}
