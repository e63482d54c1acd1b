import { scrubSecrets } from '../config/secret.ts'
import type { Secret } from '../config/secret.ts'
import { messageOf, RunbookError } from '../core/errors.ts'
import { decodedPart, tlsProblem } from './explain-connection.ts'
import type { Access, RedisTarget } from './targets.ts'

const CONNECT_TIMEOUT_MS = 2_000
const COMMAND_TIMEOUT_MS = 5_000

/**
 * Opens a connected Redis client, or fails within seconds. The client queues nothing while it is not connected and never reconnects:
 * the next use opens a new one. Throws RunbookError `RUNBOOK_UNREACHABLE`, or `RUNBOOK_CONFIG` when the server refuses the login.
 */
export async function openRedis(
  connection: string,
  access: Access,
  url: Secret,
  redact: string[],
): Promise<RedisTarget> {
  const { options, address } = parseAddress(connection, access, url.reveal())
  const { Redis } = await import('ioredis')
  const redis = new Redis({
    ...options,
    lazyConnect: true,
    connectTimeout: CONNECT_TIMEOUT_MS,
    commandTimeout: COMMAND_TIMEOUT_MS,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
    // RESP2 and no CLIENT SETINFO: the read-only user may not use the commands that the alternatives send.
    protocol: 2,
    disableClientInfo: true,
    connectionName: `runbook:${connection}:${access}`,
  })
  let last: unknown
  redis.on('error', (error: unknown) => (last = error))
  try {
    await redis.connect()
  } catch (error) {
    redis.disconnect()
    throw redisConnectError(connection, address, last ?? error)
  }
  return { connection, address, redis, redact }
}

export function redisConnectError(connection: string, address: string, error: unknown): RunbookError {
  const why = scrubSecrets(messageOf(error))
  const what = `connection ${connection}: Redis at ${address}`
  const detail = { connection, address }
  if (/^(WRONGPASS|NOAUTH|NOPERM)|invalid password/.test(why))
    return new RunbookError('RUNBOOK_CONFIG', `${what} refuses the login: ${why}`, detail, error)
  const tls = tlsProblem(error, why)
  if (tls) return new RunbookError('RUNBOOK_CONFIG', `${what} ${tls}`, detail, error)
  if (/^(LOADING|MASTERDOWN|ERR max number of clients)/i.test(why))
    return new RunbookError('RUNBOOK_UNREACHABLE', `${what} does not accept a connection now: ${why}`, detail, error)
  return new RunbookError('RUNBOOK_UNREACHABLE', `${what} does not answer: ${why}`, detail, error)
}

function parseAddress(connection: string, access: Access, text: string) {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const db = url ? Number(url.pathname.slice(1) || '0') : NaN
  if (!url || !['redis:', 'rediss:'].includes(url.protocol) || !Number.isInteger(db))
    throw new RunbookError(
      'RUNBOOK_CONFIG',
      `connection ${connection} (${access}): the value is not a redis:// or rediss:// address`,
    )
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1') || '127.0.0.1'
  const port = Number(url.port || '6379')
  const options = {
    host,
    port,
    db,
    ...(url.username ? { username: decodedPart(url.username) } : {}),
    ...(url.password ? { password: decodedPart(url.password) } : {}),
    ...(url.protocol === 'rediss:' ? { tls: { servername: host } } : {}),
  }
  return { options, address: `${host}:${port}` }
}
