import { bullmqFailures } from './bullmq-failures.ts'
import { bullmqJobs } from './bullmq-jobs.ts'
import { bullmqQueue } from './bullmq-queue.ts'
import { httpGet } from './http-get.ts'
import type { CheckImplementation } from './check.ts'
import { logsSearch } from './logs-search.ts'
import { metricsScrape } from './metrics-scrape.ts'
import { redisInfo } from './redis-info.ts'
import { redisRead } from './redis-read.ts'
import { sqlQuery } from './sql-query.ts'

/** Every kind of check. A kind that is not here cannot be run. */
export const checkTable: Record<string, CheckImplementation> = {
  'sql.query': sqlQuery,
  'redis.read': redisRead,
  'redis.info': redisInfo,
  'bullmq.queue': bullmqQueue,
  'bullmq.jobs': bullmqJobs,
  'bullmq.failures': bullmqFailures,
  'http.get': httpGet,
  'metrics.scrape': metricsScrape,
  'logs.search': logsSearch,
}
