/**
 * The most that a check of each kind may hold while it runs, in MB: what it may read, and what parsing makes of it. The readers themselves
 * enforce their limits; this is how many checks run at a time.
 */
const MEGABYTES: Record<string, number> = {
  'sql.query': 16,
  'bullmq.jobs': 24,
  'bullmq.failures': 24,
  'bullmq.queue': 4,
  'redis.read': 32,
  'metrics.scrape': 24,
  'logs.search': 64,
}
const OTHERS = 2

export function memoryOfCheck(kind: string): number {
  return (Object.hasOwn(MEGABYTES, kind) ? MEGABYTES[kind]! : OTHERS) * 1024 * 1024
}
