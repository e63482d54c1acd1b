import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Redis } from 'ioredis'
import type pg from 'pg'
import type { MaestroConfig } from '../config.ts'
import { MaestroError } from '../errors.ts'
import { keyOf } from '../queue/connect.ts'
import { readQueue, type QueueFigures } from '../queue/read-queue.ts'

export interface InspectedRun {
  run: Record<string, unknown>
  steps: Record<string, unknown>[]
  /** The job of the current step. */
  job: InspectedJob
  /** How many outbox entries of the run have no job in the queue yet. */
  outboxPending: number
  queue: Omit<QueueFigures, 'activeJobs'>
  /** Database sessions that wait for a lock, with the pids of the sessions that block them. */
  blocked: Record<string, unknown>[]
  /** The latest log lines of the run, oldest first. */
  logs: Record<string, unknown>[]
}

export interface InspectedJob {
  id: string
  state: 'wait' | 'prioritized' | 'delayed' | 'active' | 'failed' | 'completed' | 'absent' | 'unlisted'
  lock: 'held' | 'missing'
  lockTtlMs: number | null
  starts: number
  attemptsMade: number
  stalls: number
  worker: string | null
  processedOn: string | null
  failedReason: string | null
}

const MAX_LOG_LINES = 12

/** Collects everything known about a run from PostgreSQL, Redis and the logs. Only reads. */
export async function inspectRun(
  config: MaestroConfig,
  pool: pg.Pool,
  redis: Redis,
  id: string,
): Promise<InspectedRun> {
  const { rows } = await pool.query<Record<string, unknown>>('SELECT * FROM runs WHERE id = $1', [id])
  const run = rows[0]
  if (!run) throw new MaestroError('failed', `run "${id}" does not exist`)
  const steps = await pool.query<Record<string, unknown>>(
    `SELECT step, type, attempt, status, job_id, worker, starts, started_at, heartbeat_at, finished_at, error
     FROM steps WHERE run_id = $1 ORDER BY attempt, started_at NULLS LAST`,
    [id],
  )
  const current = steps.rows.find((step) => step.step === run.current_step && step.attempt === run.attempt)
  const [job, { activeJobs: _, ...queue }, outbox, blocked] = await Promise.all([
    inspectJob(config, redis, String(current?.job_id ?? '')),
    readQueue(redis, config),
    pool.query<{ n: number }>('SELECT count(*)::int AS n FROM outbox WHERE run_id = $1 AND sent_at IS NULL', [id]),
    pool.query<Record<string, unknown>>(
      `SELECT pid, application_name, pg_blocking_pids(pid) AS waits_for, left(query, 80) AS query
       FROM pg_stat_activity WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0`,
    ),
  ])
  return {
    run,
    steps: steps.rows,
    job,
    outboxPending: outbox.rows[0]?.n ?? 0,
    queue,
    blocked: blocked.rows,
    logs: logLines(config.dir, id).slice(-MAX_LOG_LINES),
  }
}

async function inspectJob(config: MaestroConfig, redis: Redis, id: string): Promise<InspectedJob> {
  const key = (name: string): string => keyOf(config, name)
  const lists = ['wait', 'active'] as const
  const sets = ['prioritized', 'delayed', 'failed', 'completed'] as const
  const [hash, ttl, inLists, inSets] = await Promise.all([
    redis.hgetall(key(id)),
    redis.pttl(key(`${id}:lock`)),
    Promise.all(lists.map((list) => redis.lpos(key(list), id))),
    Promise.all(sets.map((set) => redis.zscore(key(set), id))),
  ])
  const listed = lists.find((_, index) => inLists[index] !== null) ?? sets.find((_, index) => inSets[index] !== null)
  return {
    id,
    state: listed ?? (Object.keys(hash).length > 0 ? 'unlisted' : 'absent'),
    lock: ttl > 0 ? 'held' : 'missing',
    lockTtlMs: ttl > 0 ? ttl : null,
    starts: Number(hash.ats ?? 0),
    attemptsMade: Number(hash.atm ?? 0),
    stalls: Number(hash.stc ?? 0),
    worker: hash.pb ?? null,
    processedOn: hash.processedOn ? new Date(Number(hash.processedOn)).toISOString() : null,
    failedReason: hash.failedReason ?? null,
  }
}

function logLines(dir: string, run: string): Record<string, unknown>[] {
  const folder = join(dir, 'logs')
  if (!existsSync(folder)) return []
  const marker = `"run":${JSON.stringify(run)}`
  return readdirSync(folder)
    .filter((file) => file.endsWith('.jsonl'))
    .flatMap((file) => readFileSync(join(folder, file), 'utf8').split('\n'))
    .filter((line) => line.includes(marker))
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .sort((a, b) => String(a.time).localeCompare(String(b.time)))
}
