/**
 * What the scripts here and their callers need of Redis, within the keys `<base>:*`. The write user is given these commands and no
 * others: a script runs with the rights of who calls it.
 */
export const EFFECT_REDIS_COMMANDS = [
  'eval',
  'time',
  'get',
  'set',
  'del',
  'copy',
  'exists',
  'type',
  'pttl',
  'incr',
  'hget',
  'hmget',
  'hexists',
  'hset',
  'hdel',
  'llen',
  'lrem',
  'lpush',
  'rpush',
  'srem',
  'zadd',
  'zcard',
  'zrange',
  'zrem',
  'zscore',
  'xadd',
] as const
