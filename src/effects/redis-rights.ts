/**
 * The Redis commands that the scripts and their callers use, on keys `<base>:*`. The write user gets exactly these commands, because a
 * script runs with the rights of its caller.
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
