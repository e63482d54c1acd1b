import { connectionTo, type Kind } from './kind.ts'

/** Command → minimum and maximum number of arguments. The check reads a bounded amount of data with each of them. */
export const REDIS_COMMANDS: Record<string, { least: number; most: number }> = {
  GET: { least: 1, most: 1 },
  MGET: { least: 1, most: 500 },
  STRLEN: { least: 1, most: 1 },
  HGET: { least: 2, most: 2 },
  HMGET: { least: 2, most: 501 },
  HGETALL: { least: 1, most: 1 },
  HLEN: { least: 1, most: 1 },
  LLEN: { least: 1, most: 1 },
  LRANGE: { least: 3, most: 3 },
  LINDEX: { least: 2, most: 2 },
  ZCARD: { least: 1, most: 1 },
  ZCOUNT: { least: 3, most: 3 },
  ZRANGE: { least: 3, most: 5 },
  ZSCORE: { least: 2, most: 2 },
  SCARD: { least: 1, most: 1 },
  SISMEMBER: { least: 2, most: 2 },
  SMEMBERS: { least: 1, most: 1 },
  TTL: { least: 1, most: 1 },
  PTTL: { least: 1, most: 1 },
  TYPE: { least: 1, most: 1 },
  EXISTS: { least: 1, most: 500 },
  XLEN: { least: 1, most: 1 },
}

export const redisRead: Kind = {
  name: 'redis.read',
  access: 'read',
  summary: 'Runs one allowed read command on a Redis server.',
  doc: `Commands that return one value set \`value\`, which is null if the key or field does not exist. Commands that return several values fill \`rows\`: \`field\` is the field of a hash, the member of a sorted set, or for MGET and HMGET the requested key or field; it is null for lists and sets.

At most 500 rows: the check reads a part of a larger hash or set, or the beginning of a longer range, and \`truncated\` is true. Fields of a hash with more than 256 kB are omitted, texts of MGET are cut, and \`truncated\` is true. Of lists and sets the check reads at most 8 MB and fails if the requested entries are larger. ZRANGE works by index, with REV and WITHSCORES. Numbers are strings, as Redis returns them, except the scores of WITHSCORES.`,
  parameters: {
    connection: connectionTo(['redis', 'bullmq'], 'The name of the connection to the Redis server.'),
    command: {
      type: { oneOf: Object.keys(REDIS_COMMANDS) },
      required: true,
      doc: 'The command, in upper case.',
      literal: true,
    },
    args: {
      type: { value: { list: 'dyn' } },
      required: true,
      doc: 'The arguments of the command: keys, fields, indexes.',
      literal: false,
    },
  },
  result: () => ({
    object: {
      value: 'dyn',
      rows: { list: { object: { field: { nullable: 'string' }, value: 'dyn' } } },
      truncated: 'bool',
    },
  }),
  healthy: { result: () => ({ rows: [] }) },
  timeoutMs: 5_000,
  example: `check: redis.read
with: { connection: maestro-queue, command: HGETALL, args: ["maestro:queue:meta"] }
`,
}
