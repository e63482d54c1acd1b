import { readFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import { checkServerIdentity } from 'node:tls'
import type { Redis, RedisOptions } from 'ioredis'
import type { RedisTls } from './redis-address.ts'

/**
 * A client queues nothing while it is not connected, and never reconnects: the next use opens a new client. It uses RESP2. It sends neither
 * CLIENT SETINFO nor INFO when it connects, because a read-only login may not use these commands.
 */
const OPTIONS = {
  lazyConnect: true,
  connectTimeout: 2_000,
  commandTimeout: 5_000,
  enableOfflineQueue: false,
  enableReadyCheck: false,
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 0,
  retryStrategy: () => null,
  protocol: 2,
  disableClientInfo: true,
} satisfies RedisOptions

/**
 * Opens a connected client. Rejects with the reason within seconds. `onReply` gets each error reply of the server. The number of the
 * database is not passed to the client, because the client would continue with database 0 if the server refuses the number.
 */
export async function connectRedis(
  options: Pick<RedisOptions, 'host' | 'port' | 'username' | 'password' | 'connectionName'> & { tls?: RedisTls },
  onReply?: (redis: Redis, error: Error) => void,
): Promise<Redis> {
  const { Redis } = await import('ioredis')
  const { tls, ...server } = options
  const redis: Redis = new Redis({
    ...server,
    ...(tls ? { tls: await readTlsFiles(tls) } : {}),
    ...OPTIONS,
    reconnectOnError: (error) => {
      onReply?.(redis, error)
      return false
    },
  })
  let last: unknown
  redis.on('error', (error: unknown) => (last = error))
  try {
    await redis.connect()
    return redis
  } catch (error) {
    redis.disconnect()
    throw last ?? error
  }
}

/** The files are read for every connection, so that a renewed certificate is used without a restart. */
async function readTlsFiles({ servername, ip, files }: RedisTls): Promise<NonNullable<RedisOptions['tls']>> {
  const contents = await Promise.all(
    Object.entries(files).map(async ([option, path]) => [option, await readFile(path)] as const),
  )
  const checkIdentity: typeof checkServerIdentity = (_, certificate) => {
    const mistakes = [servername, ...(ip === undefined ? [] : [ip])].map((name) =>
      checkServerIdentity(name, certificate),
    )
    return mistakes.includes(undefined) ? undefined : mistakes[0]
  }
  // TLS does not allow an IP address as the server's name. Without a name, the certificate is checked against the host.
  const name = isIP(servername) ? {} : { servername }
  return { ...name, checkServerIdentity: checkIdentity, ...Object.fromEntries(contents) }
}
