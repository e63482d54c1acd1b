import { connectionTo, type Kind } from './kind.ts'

/** Command → least and most arguments. Each reads a bounded amount, by itself or through what the check does first. */
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
  summary: 'Runs one allow-listed read command on a Redis.',
  doc: `\`value\` is the answer of commands that give one thing (null where the key or field is not there); commands that give several fill \`rows\`: \`field\` is the hash's field, the sorted set's member, or for MGET and HMGET the key or field asked for; null for lists and sets.

At most 500 rows: of a larger hash or set a part is read, of a longer range its beginning, and \`truncated\` says so. ZRANGE works by index, with REV and WITHSCORES. Scores and numbers within texts stay as Redis gives them, except a WITHSCORES score, which is a number.`,
  parameters: {
    connection: connectionTo(['redis', 'bullmq'], 'The Redis, by the name of its connection.'),
    command: {
      type: { oneOf: Object.keys(REDIS_COMMANDS) },
      required: true,
      doc: 'The command, in upper case.',
      literal: true,
    },
    args: {
      type: { value: { list: 'dyn' } },
      required: true,
      doc: 'Its arguments: keys, fields, indexes.',
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
  timeoutMs: 5_000,
  example: `check: redis.read
with: { connection: maestro-queue, command: HGETALL, args: ["maestro:queue:meta"] }
`,
}
