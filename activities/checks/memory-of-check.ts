/**
 * The memory in MB that a check of each kind may need while it runs, for the data that it reads and for the parsed values. The check itself
 * limits what it reads; these numbers only determine how many checks run at the same time.
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
