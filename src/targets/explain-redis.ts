import { scrubSecrets } from '../config/secret.ts'
import { messageOf } from '../core/errors.ts'

/**
 * `login`: the address or its user must change. `setup`: the configuration does not fit the server. `now`: the server answers, and may
 * accept the same command later. `stale`: as `now`, and another server may be the right one by then: the address is resolved again.
 */
type Remedy = 'login' | 'setup' | 'now' | 'stale'

/** What the server's error replies mean. A script's error holds the reply of its command, in older servers in the middle. */
const REPLIES: readonly (readonly [RegExp, Remedy, string])[] = [
  [/READONLY/, 'stale', 'the server is a replica, which refuses writes: use the address of its primary'],
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
  [/^WRONGPASS|invalid password/, 'login', 'the user or the password of the address is wrong'],
  [
    /NOPERM|can't run this command or subcommand/,
    'login',
    'the login may not use this command or key: "runbook connection prepare" makes a login that may',
  ],
  [/^ERR unknown (sub)?command/i, 'setup', 'the server does not offer this command'],
  [
    /DB index is out of range|SELECT is not allowed in cluster mode/i,
    'setup',
    'the server has no database with this number',
  ],
]

/** The server's reply after what it means and what to do; unchanged when the reply has no entry. */
export function explainRedis(error: unknown): string {
  const reply = scrubSecrets(messageOf(error))
  const meaning = REPLIES.find(([pattern]) => pattern.test(reply))?.[2]
  return meaning === undefined ? reply : `${meaning} (${reply})`
}

/** What has to change until the server accepts the command; undefined when the error is not such a reply. */
export function redisRemedy(error: unknown): Remedy | undefined {
  const reply = messageOf(error)
  return REPLIES.find(([pattern]) => pattern.test(reply))?.[1]
}

/** Node and address of a `MOVED` reply; the host is empty where the cluster does not know its own address. */
export function movedTo(error: unknown): { host: string; port: number } | undefined {
  const found = /^MOVED \d+ (.*):(\d+)$/.exec(messageOf(error))
  return found ? { host: found[1]!, port: Number(found[2]) } : undefined
}
