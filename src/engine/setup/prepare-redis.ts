import { randomBytes } from 'node:crypto'
import type { Redis } from 'ioredis'
import type { BullmqConnection, RedisConnection } from '../../config/config.ts'
import { messageOf, RunbookError } from '../../core/errors.ts'
import { decodedPart } from '../../targets/explain-connection.ts'
import { explainRedis } from '../../targets/explain-redis.ts'
import { connectServer } from '../../targets/open-redis.ts'
import { nodeAddress, parseRedisAddress, splitHostAndPort } from '../../targets/redis-address.ts'
import { EFFECT_REDIS_COMMANDS } from '../../effects/redis-rights.ts'
import type { PrepareOptions, PreparedConnection, WantedLogin } from './prepared-connection.ts'

const LOGIN_COMMANDS = ['auth', 'hello', 'ping', 'select', 'quit', 'info', 'client|setname', 'client|id']

/**
 * The read user may use all reads on the given keys, and commands that inspect the server. `+@connection` would grant CLIENT KILL, and `~`
 * with `+eval` would allow writes inside scripts: so the rules use `%R~` and single commands. PFCOUNT is excluded because it writes a
 * cache, although Redis lists it as a read.
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
  { adminUrl, dryRun }: Pick<PrepareOptions, 'adminUrl' | 'dryRun'>,
): Promise<PreparedConnection> {
  const admin = await connect(name, adminUrl)
  const did: string[] = []
  const warnings: string[] = []
  const env: Record<string, string> = {}
  try {
    const users: string[][] = []
    const make = async (access: 'read' | 'write', wanted: WantedLogin) => {
      const user = userName(name, connection, access)
      const { password, kept } = await passwordFor(name, wanted, user)
      const rules = [user, 'reset', 'on', `>${password}`, 'resetchannels', ...rulesOf(connection, access)]
      if (dryRun) {
        const secret = kept ? `the password in ${wanted.variable} is kept` : `new password, for ${wanted.variable}`
        did.push(`user ${user}: set to the rules ${rulesOf(connection, access).join(' ')}; ${secret}`)
        return
      }
      users.push(await setUser(admin, rules))
      const url = new URL(adminUrl)
      url.username = user
      url.password = password
      ;(await connect(name, url.href)).disconnect()
      env[wanted.variable] = url.href
      const what = access === 'read' ? 'read commands' : 'the commands of the actions'
      did.push(`user ${user}: ${what} on ${keysOf(connection).join(', ')}`)
      did.push(
        `user ${user}: ${kept ? `the password in ${wanted.variable} works and is kept` : `new password, for ${wanted.variable}`}`,
      )
    }
    await make('read', logins.read)
    if (logins.write) await make('write', logins.write)
    const others = await otherServers(admin)
    if (dryRun) {
      did.push(...others.map((server) => `the same users on ${server}`))
      return { did, warnings, env }
    }
    warnings.push(...(await persist(admin, did)))
    for (const server of others) {
      const failed = await copyUsers(name, server, adminUrl, users, did)
      if (failed !== undefined)
        warnings.push(`the users are missing on ${server}, so after a failover the logins are refused: ${failed}`)
    }
    return { did, warnings, env }
  } catch (error) {
    if (error instanceof RunbookError) throw error
    throw new RunbookError('RUNBOOK_CONFIG', `connection ${name}: ${explainRedis(error)}`, {}, error)
  } finally {
    admin.disconnect()
  }
}

/** A key pattern of an ACL cannot contain a space, so "?", which matches any one character, replaces it. */
function keysOf(connection: BullmqConnection | RedisConnection): string[] {
  if (connection.kind === 'redis') return connection.keys
  return [`${connection.prefix}:${connection.queue.replace(/\s/g, '?')}:*`]
}

function rulesOf(connection: BullmqConnection | RedisConnection, access: 'read' | 'write'): string[] {
  const patterns = keysOf(connection).map((key) => (access === 'read' ? `%R~${key}` : `~${key}`))
  return [...patterns, ...(access === 'read' ? READ_RULES : WRITE_RULES)]
}

/**
 * Returns the rules that the server accepted. Redis before 7 has no key patterns for reading only, so on these servers only the list of
 * commands keeps a read login from writing. They also have no rule for QUIT, which every user may use anyway.
 */
async function setUser(redis: Redis, rules: string[]): Promise<string[]> {
  try {
    await redis.call('ACL', 'SETUSER', ...rules)
    return rules
  } catch (error) {
    const why = messageOf(error)
    if (/modifier '(%R~.*|\+quit)'/.test(why) && rules.includes('+quit')) {
      const older = rules.filter((rule) => rule !== '+quit').map((rule) => rule.replace(/^%R~/, '~'))
      return setUser(redis, older)
    }
    if (/^ERR unknown command/i.test(why)) throw withoutAcl(rules, error)
    throw error
  }
}

function withoutAcl([user, , , , ...rules]: string[], error: unknown): RunbookError {
  return new RunbookError(
    'RUNBOOK_CONFIG',
    `this Redis does not offer ACL SETUSER: create the user in its console and set the variable to its address. User: ${user}; rules: ${rules.join(' ')}`,
    {},
    error,
  )
}

/**
 * The servers (`host:port`) to which users must be copied, because Redis does not replicate users: the replicas, and
 * every other node of a Redis Cluster.
 */
async function otherServers(admin: Redis): Promise<string[]> {
  const info = await admin.info().catch(() => '')
  if (!/^cluster_enabled:1/m.test(info))
    return [...info.matchAll(/^slave\d+:ip=([^,]+),port=(\d+)/gm)].map(([, ip, port]) => `${ip}:${port}`)
  const nodes = String(await admin.call('CLUSTER', 'NODES'))
  return nodes.split('\n').flatMap((line) => {
    const [, address, flags] = line.split(' ')
    return address === undefined || flags?.includes('myself') ? [] : [address.replace(/@.*/, '')]
  })
}

/** Creates the same users on the other servers. Returns the servers where this failed, each with the reason. */
async function copyUsers(
  name: string,
  server: string,
  adminUrl: string,
  users: string[][],
  did: string[],
): Promise<string | undefined> {
  try {
    const seed = parseRedisAddress(name, 'admin', adminUrl)
    const redis = await connectServer(name, 'admin', nodeAddress(seed, splitHostAndPort(server, 6379)))
    try {
      for (const rules of users) await setUser(redis, rules)
      const lost = await persist(redis, [])
      did.push(`the same users on ${server}${lost.length > 0 ? ', until it restarts' : ''}`)
    } finally {
      redis.disconnect()
    }
    return undefined
  } catch (error) {
    return explainRedis(error)
  }
}

/** Users belong to the whole server, so a user's name contains the name of the queue or connection. */
function userName(name: string, connection: BullmqConnection | RedisConnection, access: string): string {
  const queue = connection.kind === 'bullmq' ? `${connection.prefix}-${connection.queue}-` : ''
  return `runbook-${name}-${queue}${access}`.replace(/[^A-Za-z0-9._-]+/g, '-')
}

async function passwordFor(
  name: string,
  wanted: WantedLogin,
  user: string,
): Promise<{ password: string; kept: boolean }> {
  const url = wanted.current && URL.canParse(wanted.current) ? new URL(wanted.current) : undefined
  if (url?.username === user) {
    const client = await connect(name, url.href).catch(() => undefined)
    client?.disconnect()
    if (client) return { password: decodedPart(url.password), kept: true }
  }
  return { password: randomBytes(24).toString('base64url'), kept: false }
}

/** Saves the users, which Redis otherwise keeps only in memory. ACL SAVE needs an ACL file. */
async function persist(admin: Redis, did: string[]): Promise<string[]> {
  const found = await admin.config('GET', 'aclfile').catch((error: unknown) => explainRedis(error))
  if (typeof found === 'string')
    return [`it is unknown whether the users are kept when Redis restarts: CONFIG GET failed: ${found}`]
  const [, file] = found as string[]
  if (!file)
    return [
      'Redis has no ACL file: the users are lost when it restarts. Set `aclfile` in redis.conf, or run this command again after a restart.',
    ]
  await admin.call('ACL', 'SAVE')
  did.push(`users saved in ${file}`)
  return []
}

function connect(name: string, url: string): Promise<Redis> {
  return connectServer(name, 'admin', parseRedisAddress(name, 'admin', url))
}
