import type { Queue } from 'bullmq'
import type { Redis } from 'ioredis'
import type pg from 'pg'
import { startRuns, type RunInput } from '../cli/start-runs.ts'
import type { MaestroConfig } from '../config.ts'
import { openDatabase } from '../database/connect.ts'
import { MaestroError } from '../errors.ts'
import { openQueue, openRedis, type StepJob } from '../queue/connect.ts'
import { until } from '../repeat.ts'
import { needControl, type Control } from '../supervisor/control-client.ts'

/** A true cause that can be switched on and off: it changes what Maestro runs on, and writes no symptom itself. */
export interface Fault {
  name: string
  title: string
  /** Switches the cause on and starts the few runs that make it visible. Returns those, and what a person sees now. */
  inject(context: FaultContext): Promise<{ runs: string[]; see: string[] }>
  /** Takes the cause away. What it has broken stays: putting that right is the remedy's part. Returns what was done. */
  heal(context: FaultContext): Promise<string>
  /** Looks whether the cause is there now. */
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
  const control = await needControl(config.dir)
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

/** Waits until the current steps of these runs are as `when` wants them, and returns them. */
export async function untilSteps(
  { pool }: FaultContext,
  runs: string[],
  what: string,
  when: (steps: StepRow[]) => boolean,
): Promise<StepRow[]> {
  return until(
    async () => {
      const { rows } = await pool.query<StepRow>(
        `SELECT s.run_id, s.step, s.status, s.worker, s.job_id, r.status AS run_status
         FROM runs r JOIN steps s ON s.run_id = r.id AND s.step = r.current_step AND s.attempt = r.attempt
         WHERE r.id = ANY($1)`,
        [runs],
      )
      return when(rows) ? rows : undefined
    },
    { withinMs: 30_000, otherwise: () => new MaestroError('failed', `the fault does not show within 30 s: ${what}`) },
  )
}

/** So long without progress shows with `--input threshold=5s`. */
const STUCK_SECONDS = 5

/**
 * Waits until those of the runs that are RUNNING have made no progress for 5 s: a run that has just been stopped is not stuck, and
 * who looked at once would see nothing. Returns what a person can now type.
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
    { withinMs: 30_000, otherwise: () => new MaestroError('failed', 'the runs are not stuck within 30 s') },
  )
  return `no progress for ${STUCK_SECONDS} s: "npx runbook trigger stuck-run --input threshold=${STUCK_SECONDS}s" sees them`
}

/** How many of these steps are being carried out at this moment. */
export function running(steps: StepRow[], step: string): StepRow[] {
  return steps.filter((row) => row.step === step && row.status === 'RUNNING')
}
