import { scrubSecrets } from '../config/secret.ts'
import { messageOf } from '../core/errors.ts'

/**
 * What must be done about an error reply. `login`: the address or its user must change. `setup`: the configuration does not fit the server.
 * `now`: nothing, because the server may accept the same command later. `stale`: the address must be resolved again, because another server
 * may be the right one now.
 */
type Remedy = 'login' | 'setup' | 'now' | 'stale'

/**
 * The meaning of the server's error replies. An error of a script contains the reply of the command that failed, in
 * older servers in the middle of the text.
 */
const REPLIES: readonly (readonly [RegExp, Remedy, string])[] = [
  [/READONLY/, 'stale', 'the server is a replica, which refuses writes: use the address of the primary server'],
  [/\bLOADING\b/, 'now', 'the server has started and is still loading its data'],
  [/MASTERDOWN/, 'stale', 'the server is a replica without a connection to its primary, and does not serve old data'],
  [/CLUSTERDOWN/, 'stale', 'the Redis Cluster is down: no node serves these keys'],
  [/^MOVED /, 'stale', 'another node of the Redis Cluster has this key: use the address of that node'],
  [/^(ASK|TRYAGAIN) ?/, 'now', 'the Redis Cluster is moving these keys to another node'],
  [
    /CROSSSLOT/,
    'setup',
    'on a Redis Cluster the keys of a queue must have a hash tag: set "prefix" to one such as {bull}, as the application does',
  ],
  [
    /\bOOM command/,
    'now',
    'the server has no memory left (maxmemory) and refuses writes: free memory or raise maxmemory',
  ],
  [/\bMISCONF\b/, 'now', 'the server refuses writes because it cannot save them to its disk'],
  [/NOREPLICAS/, 'now', 'the server refuses writes because too few of its replicas are connected'],
  [/^BUSY /, 'now', 'the server is busy with a long script'],
  [/max number of clients/i, 'now', 'the server has as many clients as it allows (maxclients)'],
  [/^NOAUTH/, 'login', 'the server requires a password, and the address has none'],
  [/^WRONGPASS|invalid password/, 'login', 'the user or the password in the address is wrong'],
  [
    /NOPERM|can't run this command or subcommand/,
    'login',
    'the login may not use this command or key: "runbook connection prepare" makes a login that may',
  ],
  [
    /^WRONGTYPE/,
    'setup',
    'the key holds another type than the one that is read. In a queue, a job whose id is a name such as wait or failed overwrites a key of BullMQ',
  ],
  [/^ERR unknown (sub)?command/i, 'setup', 'the server does not offer this command'],
  [
    /DB index is out of range|SELECT is not allowed in cluster mode/i,
    'setup',
    'the server has no database with this number',
  ],
]

/**
 * The meaning of an error reply and what to do, followed by the reply itself. A reply without an entry in the table is
 * returned unchanged.
 */
export function explainRedis(error: unknown): string {
  const reply = scrubSecrets(messageOf(error))
  const meaning = REPLIES.find(([pattern]) => pattern.test(reply))?.[2]
  return meaning === undefined ? reply : `${meaning} (${reply})`
}

/** What must change before the server accepts the command; undefined if the error is not a reply in the table. */
export function redisRemedy(error: unknown): Remedy | undefined {
  const reply = messageOf(error)
  return REPLIES.find(([pattern]) => pattern.test(reply))?.[1]
}

/** The address of the node in a `MOVED` reply. The host is empty if the cluster does not know its own address. */
export function movedTo(error: unknown): { host: string; port: number } | undefined {
  const found = /^MOVED \d+ (.*):(\d+)$/.exec(messageOf(error))
  return found ? { host: found[1]!, port: Number(found[2]) } : undefined
}
