import type { Redis } from 'ioredis'
import type { Sentinel } from '../config/config.ts'
import { scrubSecrets } from '../config/secret.ts'
import { messageOf, RunbookError } from '../core/errors.ts'
import { explainRedis } from './explain-redis.ts'
import { hostAndPort, nodeAddress, splitHostAndPort, type RedisAddress, type RedisTls } from './redis-address.ts'
import { connectRedis } from './redis-client.ts'

const SENTINEL_PORT = 26_379

/**
 * The address of the primary that the first answering sentinel names, with the login of `address`. Throws RunbookError
 * `RUNBOOK_UNREACHABLE` if no sentinel answers, and `RUNBOOK_CONFIG` if the sentinels that answer know no primary of this name.
 */
export async function findPrimary(
  connection: string,
  sentinel: Sentinel,
  address: RedisAddress,
): Promise<RedisAddress> {
  const failures: string[] = []
  let answered = false
  for (const text of sentinel.addresses) {
    const server = splitHostAndPort(text, SENTINEL_PORT)
    const asked = await askSentinel(server, sentinel, address.tls)
    if ('primary' in asked) return nodeAddress(address, asked.primary)
    answered ||= asked.answered
    failures.push(`${hostAndPort(server)}: ${asked.why}`)
  }
  throw new RunbookError(
    answered ? 'RUNBOOK_CONFIG' : 'RUNBOOK_UNREACHABLE',
    `connection ${connection}: no sentinel names a primary "${sentinel.name}": ${failures.join('; ')}`,
    { connection, down: !answered },
  )
}

type Answer = { primary: { host: string; port: number } } | { answered: boolean; why: string }

async function askSentinel(
  server: { host: string; port: number },
  { name, password }: Sentinel,
  tls: RedisTls | undefined,
): Promise<Answer> {
  let redis: Redis
  try {
    redis = await connectRedis({
      ...server,
      ...(password ? { password: password.reveal() } : {}),
      ...(tls ? { tls: { ...tls, servername: server.host } } : {}),
    })
  } catch (error) {
    return { answered: false, why: scrubSecrets(messageOf(error)) }
  }
  try {
    const found = (await redis.call('SENTINEL', 'get-master-addr-by-name', name)) as [string, string] | null
    if (found === null) return { answered: true, why: 'this sentinel knows no primary of this name' }
    return { primary: { host: found[0], port: Number(found[1]) } }
  } catch (error) {
    const isServer = /unknown command/i.test(messageOf(error))
    return { answered: true, why: isServer ? 'this server is not a sentinel' : explainRedis(error) }
  } finally {
    redis.disconnect()
  }
}
