import type { Job } from 'bullmq'
import type pg from 'pg'
import { messageOf } from '../errors.ts'
import type { JsonLog, LogFields } from '../json-log.ts'
import type { StepJob } from '../queue/connect.ts'
import { failureReason, WorkerTimeout } from './step-failure.ts'
import { STEP_KINDS } from './step-kinds/table.ts'
import { claimStep, completeStep, failStep, recordFailedTry, recordHeartbeat, type StepStart } from './step-record.ts'

export interface WorkerContext {
  worker: string
  pool: pg.Pool
  log: JsonLog
  mlUrl: string
}

/** Runs the step of a job: claims it, logs the start, runs it with its timeout, stores the result, logs the end. */
export async function performStep(context: WorkerContext, job: Job<StepJob>, token: string): Promise<unknown> {
  const { pool, log, worker } = context
  const start: StepStart = { job: job.data, token, worker }
  const { run, step, type, attempt } = job.data
  const fields = { run, step, type, attempt, job: job.id, worker, try: job.attemptsStarted }

  const timeoutMs = await claimStep(pool, start)
  if (timeoutMs === undefined) {
    log.warn('step.superseded', fields)
    return { superseded: true }
  }
  log.info('step.started', { ...fields, timeout_ms: timeoutMs })
  const startedAt = Date.now()
  const endFields = (): LogFields => ({ ...fields, timeout_ms: timeoutMs, duration_ms: Date.now() - startedAt })
  try {
    const output = await runWithTimeout(context, start, timeoutMs)
    const isCurrent = await completeStep(pool, start, output)
    if (isCurrent) log.info('step.completed', endFields())
    else log.warn('step.fenced-off', endFields())
    return output
  } catch (error) {
    const message = messageOf(error)
    const isLastTry = job.attemptsMade + 1 >= (job.opts.attempts ?? 1)
    const reason = failureReason(error)
    // Log before writing to the database, because the database may be what failed.
    log.error('step.failed', { ...endFields(), error: message, reason, final: isLastTry })
    if (isLastTry) await failStep(pool, start, message, reason)
    else await recordFailedTry(pool, start, message)
    throw error
  }
}

async function runWithTimeout(
  { pool, mlUrl }: WorkerContext,
  start: StepStart,
  timeoutMs: number,
): Promise<Record<string, unknown>> {
  const { run, type, input } = start.job
  const kind = STEP_KINDS[type]
  if (!kind) throw new Error(`step type ${type} has no implementation`)
  const timeout = new AbortController()
  const timer = setTimeout(() => timeout.abort(), timeoutMs)
  try {
    const progress = (): Promise<void> => recordHeartbeat(pool, start)
    return await kind({ run, input, signal: timeout.signal, progress, pool, mlUrl })
  } catch (error) {
    throw timeout.signal.aborted ? new WorkerTimeout(type, timeoutMs) : error
  } finally {
    clearTimeout(timer)
  }
}
