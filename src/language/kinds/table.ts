import { bullmqFailures } from './bullmq-failures.ts'
import { bullmqJobs } from './bullmq-jobs.ts'
import { bullmqQuarantine } from './bullmq-quarantine.ts'
import { bullmqQueue } from './bullmq-queue.ts'
import { bullmqResume } from './bullmq-resume.ts'
import { bullmqRetry } from './bullmq-retry.ts'
import { httpGet } from './http-get.ts'
import { httpRequest } from './http-request.ts'
import type { Kind } from './kind.ts'
import { logsSearch } from './logs-search.ts'
import { manual } from './manual.ts'
import { metricsScrape } from './metrics-scrape.ts'
import { notify } from './notify.ts'
import { processRun } from './process-run.ts'
import { redisInfo } from './redis-info.ts'
import { redisRead } from './redis-read.ts'
import { sqlExecute } from './sql-execute.ts'
import { sqlQuery } from './sql-query.ts'
import { sqlUpdate } from './sql-update.ts'
import { workersScale } from './workers-scale.ts'

/** Every check kind. Nothing registers itself: what does not stand here does not exist. */
export const CHECKS: readonly Kind[] = [
  sqlQuery,
  bullmqQueue,
  bullmqJobs,
  bullmqFailures,
  redisRead,
  redisInfo,
  httpGet,
  metricsScrape,
  logsSearch,
]

/** Every action kind. */
export const ACTIONS: readonly Kind[] = [
  sqlUpdate,
  sqlExecute,
  bullmqResume,
  bullmqRetry,
  bullmqQuarantine,
  processRun,
  workersScale,
  httpRequest,
  notify,
  manual,
]

const BY_NAME = new Map([...CHECKS, ...ACTIONS].map((kind) => [kind.name, kind]))

/** The description of a check or action kind, by its name such as `sql.query`. */
export function kindNamed(name: string): Kind | undefined {
  return BY_NAME.get(name)
}
