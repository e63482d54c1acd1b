import { randomBytes } from 'node:crypto'
import { Redis } from 'ioredis'
import type { BullmqConnection, RedisConnection } from '../../config/config.ts'
import { scrubSecrets } from '../../config/secret.ts'
import { messageOf, RunbookError } from '../../core/errors.ts'
import { EFFECT_REDIS_COMMANDS } from '../../effects/redis-rights.ts'
import type { PreparedConnection, WantedLogin } from './prepared-connection.ts'

const LOGIN_COMMANDS = ['auth', 'hello', 'ping', 'select', 'quit', 'info', 'client|setname', 'client|id']

/**
 * All reads on the given keys, and commands that inspect the server. `+@connection` would grant CLIENT KILL, and `~` with `+eval` would
 * allow writes inside scripts: hence `%R~` and single commands. PFCOUNT is excluded, because it writes a cache although Redis lists it
 * as a read.
 */
const READ_RULES = '-@all +@read -@dangerous -@blocking -scan -randomkey -dbsize -pfcount'
  .split(' ')
  .concat([...LOGIN_COMMANDS, 'client|list', 'slowlog|get', 'latency|latest'].map((command) => `+${command}`))
const WRITE_RULES = ['-@all', ...[...LOGIN_COMMANDS, ...EFFECT_REDIS_COMMANDS].map((command) => `+${command}`)]

/** Creates the Redis users that read and write one queue, or the keys that the connection names. */
export async function prepareRedis(
  name: string,
  connection: BullmqConnection | RedisConnection,
  logins: { read: WantedLogin; write?: WantedLogin },
  adminUrl: string,
): Promise<PreparedConnection> {
  const admin = await connect(adminUrl)
  // A pattern of an ACL cannot hold a space; "?" matches any one character.
  const keys =
    connection.kind === 'bullmq' ? [`${connection.prefix}:${connection.queue.replace(/\s/g, '?')}:*`] : connection.keys
  const did: string[] = []
  const env: Record<string, string> = {}
  try {
    const make = async (access: 'read' | 'write', wanted: WantedLogin) => {
      const user = userName(name, connection, access)
      const { password, kept } = await passwordFor(wanted, user)
      const patterns = keys.map((key) => (access === 'read' ? `%R~${key}` : `~${key}`))
      const commands = access === 'read' ? READ_RULES : WRITE_RULES
      await admin.call('ACL', 'SETUSER', user, 'reset', 'on', `>${password}`, 'resetchannels', ...patterns, ...commands)
      const url = new URL(adminUrl)
      url.username = user
      url.password = password
      ;(await connect(url.href)).disconnect()
      env[wanted.variable] = url.href
      did.push(
        `user ${user}: ${access === 'read' ? 'read commands' : 'the commands of the actions'} on ${keys.join(', ')}`,
      )
      did.push(
        `user ${user}: ${kept ? `the password in ${wanted.variable} works and is kept` : `new password, for ${wanted.variable}`}`,
      )
    }
    await make('read', logins.read)
    if (logins.write) await make('write', logins.write)
    const warnings = await persist(admin, did)
    return { did, warnings, env }
  } catch (error) {
    if (error instanceof RunbookError) throw error
    throw new RunbookError('RUNBOOK_CONFIG', `connection ${name}: ${scrubSecrets(messageOf(error))}`, {}, error)
  } finally {
    admin.disconnect()
  }
}

/** Users belong to the whole server, so the name holds the queue. */
function userName(name: string, connection: BullmqConnection | RedisConnection, access: string): string {
  const queue = connection.kind === 'bullmq' ? `${connection.prefix}-${connection.queue}-` : ''
  return `runbook-${name}-${queue}${access}`.replace(/[^A-Za-z0-9._-]+/g, '-')
}

async function passwordFor(wanted: WantedLogin, user: string): Promise<{ password: string; kept: boolean }> {
  const url = wanted.current && URL.canParse(wanted.current) ? new URL(wanted.current) : undefined
  if (url?.username === user) {
    const client = await connect(url.href).catch(() => undefined)
    client?.disconnect()
    if (client) return { password: decodeURIComponent(url.password), kept: true }
  }
  return { password: randomBytes(24).toString('base64url'), kept: false }
}

/** Redis keeps users in memory until ACL SAVE, which needs an ACL file. */
async function persist(admin: Redis, did: string[]): Promise<string[]> {
  const [, file] = (await admin.config('GET', 'aclfile')) as string[]
  if (!file)
    return [
      'Redis has no ACL file: the users are lost when it restarts. Set `aclfile` in redis.conf, or run this command again after a restart.',
    ]
  await admin.call('ACL', 'SAVE')
  did.push(`users saved in ${file}`)
  return []
}

async function connect(url: string): Promise<Redis> {
  const redis = new Redis(url, {
    lazyConnect: true,
    connectTimeout: 3_000,
    commandTimeout: 5_000,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
    protocol: 2,
    disableClientInfo: true,
  })
  let last: unknown
  redis.on('error', (error: unknown) => (last = error))
  try {
    await redis.connect()
    return redis
  } catch (error) {
    redis.disconnect()
    const message = `Redis at ${new URL(url).host} does not answer: ${scrubSecrets(messageOf(last ?? error))}`
    throw new RunbookError('RUNBOOK_UNREACHABLE', message, {}, error)
  }
}
