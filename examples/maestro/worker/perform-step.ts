import type { Job } from 'bullmq'
import type pg from 'pg'
import { messageOf } from '../errors.ts'
import type { JsonLog, LogFields } from '../json-log.ts'
import type { StepJob } from '../queue/connect.ts'
import { failureReason, WorkerTimeout } from './step-failure.ts'
import { STEP_KINDS } from './step-kinds/table.ts'
import { claimStep, completeStep, failStep, noteFailedTry, recordHeartbeat, type StepStart } from './step-record.ts'

export interface WorkerContext {
  worker: string
  pool: pg.Pool
  log: JsonLog
  mlUrl: string
}

/** Carries out the step of a job: claim, start line, the step itself under its timeout, record, end line. */
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
  const took = (): LogFields => ({ ...fields, timeout_ms: timeoutMs, duration_ms: Date.now() - startedAt })
  try {
    const output = await underTimeout(context, start, timeoutMs)
    const ours = await completeStep(pool, start, output)
    if (ours) log.info('step.completed', took())
    else log.warn('step.fenced-off', took())
    return output
  } catch (error) {
    const message = messageOf(error)
    const last = job.attemptsMade + 1 >= (job.opts.attempts ?? 1)
    const reason = failureReason(error)
    // The line first: it must be there even if the database is what has failed.
    log.error('step.failed', { ...took(), error: message, reason, final: last })
    if (last) await failStep(pool, start, message, reason)
    else await noteFailedTry(pool, start, message)
    throw error
  }
}

async function underTimeout(
  { pool, mlUrl }: WorkerContext,
  start: StepStart,
  timeoutMs: number,
): Promise<Record<string, unknown>> {
  const { run, type, input } = start.job
  const kind = STEP_KINDS[type]
  if (!kind) throw new Error(`no code for step type ${type}`)
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
