import type { Queue } from 'bullmq'
import type { Redis } from 'ioredis'
import type pg from 'pg'
import { startRuns, type RunInput } from '../cli/start-runs.ts'
import type { MaestroConfig } from '../config.ts'
import { openDatabase } from '../database/connect.ts'
import { MaestroError } from '../errors.ts'
import { openQueue, openRedis, type StepJob } from '../queue/connect.ts'
import { until } from '../repeat.ts'
import { requireControl, type Control } from '../supervisor/control-client.ts'

/** A real cause that can be injected and removed. It changes Maestro's environment; the symptoms follow from that. */
export interface Fault {
  name: string
  title: string
  /** Injects the cause, starts a few runs that show it, and waits for the symptoms. Returns the ids of these runs and the symptoms. */
  inject(context: FaultContext): Promise<{ runs: string[]; symptoms: string[] }>
  /** Removes the cause. What the cause broke is repaired by a remedy, not here. Returns a description of the change. */
  heal(context: FaultContext): Promise<string>
  /** Whether the cause is present now. */
  isOn(context: FaultContext): Promise<boolean>
}

export interface FaultContext {
  config: MaestroConfig
  control: Control
  pool: pg.Pool
  queue: Queue<StepJob>
  redis: Redis
  startRuns(workflow: string, count: number, input?: RunInput): Promise<string[]>
}

export async function withFaultContext<T>(
  config: MaestroConfig,
  work: (context: FaultContext) => Promise<T>,
): Promise<T> {
  const control = await requireControl(config.dir)
  const pool = openDatabase(config.databaseUrl, `${config.prefix}-fault`, 2)
  const queue = openQueue(config)
  const redis = openRedis(config)
  try {
    const start: FaultContext['startRuns'] = (workflow, count, input) => startRuns(control, workflow, count, input)
    return await work({ config, control, pool, queue, redis, startRuns: start })
  } finally {
    redis.disconnect()
    await Promise.all([queue.close(), pool.end()])
  }
}

export interface StepRow {
  run_id: string
  step: string
  status: string
  worker: string | null
  job_id: string
  run_status: string
}

/** Waits until the current steps of these runs satisfy `condition`, and returns them. `description` names the condition in the error. */
export async function untilSteps(
  { pool }: FaultContext,
  runs: string[],
  description: string,
  condition: (steps: StepRow[]) => boolean,
): Promise<StepRow[]> {
  return until(
    async () => {
      const { rows } = await pool.query<StepRow>(
        `SELECT s.run_id, s.step, s.status, s.worker, s.job_id, r.status AS run_status
         FROM runs r JOIN steps s ON s.run_id = r.id AND s.step = r.current_step AND s.attempt = r.attempt
         WHERE r.id = ANY($1)`,
        [runs],
      )
      return condition(rows) ? rows : undefined
    },
    {
      timeoutMs: 30_000,
      timeoutError: () =>
        new MaestroError('failed', `the fault had no effect: timed out after 30 s waiting for ${description}`),
    },
  )
}

/** `runbook trigger stuck-run --input threshold=5s` finds runs without progress for this long. */
const STUCK_SECONDS = 5

/**
 * Waits until all of these runs that are RUNNING have made no progress for 5 s. Before that, a trigger would not find them yet.
 * Returns the command that finds them.
 */
export async function untilStuck({ pool }: FaultContext, runs: string[]): Promise<string> {
  await until(
    async () => {
      const { rows } = await pool.query<{ stuck: number; moving: number }>(
        `SELECT count(*) FILTER (WHERE age >= $2)::int AS stuck, count(*) FILTER (WHERE age < $2)::int AS moving
         FROM (SELECT extract(epoch FROM now() - greatest(r.updated_at, s.heartbeat_at)) AS age
               FROM runs r JOIN steps s ON s.run_id = r.id AND s.step = r.current_step AND s.attempt = r.attempt
               WHERE r.id = ANY($1) AND r.status = 'RUNNING') running`,
        [runs, STUCK_SECONDS],
      )
      const { stuck, moving } = rows[0]!
      return stuck > 0 && moving === 0 ? true : undefined
    },
    {
      timeoutMs: 30_000,
      timeoutError: () => new MaestroError('failed', 'timed out after 30 s waiting for the runs to be stuck'),
    },
  )
  return `no progress for ${STUCK_SECONDS} s: "npx runbook trigger stuck-run --input threshold=${STUCK_SECONDS}s" finds them`
}

/** The rows of this step that a worker is running now. */
export function runningSteps(steps: StepRow[], step: string): StepRow[] {
  return steps.filter((row) => row.step === step && row.status === 'RUNNING')
}
