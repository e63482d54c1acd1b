import type pg from 'pg'
import { inTransaction } from '../database/connect.ts'
import type { StepJob } from '../queue/connect.ts'

/** One start of a step by one worker. `token` is BullMQ's lock token; it distinguishes two starts of the same attempt. */
export interface StepStart {
  job: StepJob
  token: string
  worker: string
}

const CLAIM_RUN = `
UPDATE runs r SET status = 'RUNNING', failure_reason = NULL, updated_at = now()
WHERE r.id = $1 AND r.current_step = $2 AND r.attempt = $3
  AND (r.status IN ('PENDING', 'RUNNING') OR (r.status = 'FAILED' AND EXISTS (
    SELECT 1 FROM steps s WHERE s.run_id = r.id AND s.step = $2 AND s.attempt = $3 AND s.status = 'FAILED')))`

const CLAIM_STEP = `
UPDATE steps SET status = 'RUNNING', worker = $4, token = $5, starts = starts + 1,
  started_at = clock_timestamp(), heartbeat_at = clock_timestamp(), finished_at = NULL, error = NULL
WHERE run_id = $1 AND step = $2 AND attempt = $3 AND status <> 'COMPLETED'
RETURNING (SELECT timeout_ms FROM step_types t WHERE t.type = steps.type) AS timeout_ms`

/**
 * Claims the step for this start. If the step had failed and is being retried, sets its run to RUNNING again.
 * Returns the step type's timeout in milliseconds, or undefined if the step must not run: it is completed, the run has a newer
 * attempt, or somebody set the run to FAILED.
 */
export async function claimStep(pool: pg.Pool, { job, token, worker }: StepStart): Promise<number | undefined> {
  return inTransaction(pool, async (client) => {
    const { rowCount } = await client.query(CLAIM_RUN, [job.run, job.step, job.attempt])
    if (rowCount === 0) return undefined
    const { rows } = await client.query<{ timeout_ms: number }>(CLAIM_STEP, [
      job.run,
      job.step,
      job.attempt,
      worker,
      token,
    ])
    return rows[0]?.timeout_ms
  })
}

export async function recordHeartbeat(pool: pg.Pool, { job, token }: StepStart): Promise<void> {
  await pool.query(
    `UPDATE steps SET heartbeat_at = clock_timestamp()
     WHERE run_id = $1 AND step = $2 AND attempt = $3 AND token = $4 AND status = 'RUNNING'`,
    [job.run, job.step, job.attempt, token],
  )
}

/** Returns false if this start was fenced off, because a newer start or attempt exists. */
export async function completeStep(pool: pg.Pool, start: StepStart, output: Record<string, unknown>): Promise<boolean> {
  return finish(pool, start, `status = 'COMPLETED', output = $5`, output, async (client) => {
    await client.query(`UPDATE runs SET updated_at = now() WHERE id = $1 AND attempt = $2 AND status = 'RUNNING'`, [
      start.job.run,
      start.job.attempt,
    ])
  })
}

/** Stores a failed try that BullMQ will repeat. Returns false if this start was fenced off. */
export async function recordFailedTry(pool: pg.Pool, start: StepStart, error: string): Promise<boolean> {
  return finish(pool, start, `status = 'RETRY', error = $5`, error, async () => {})
}

/** Stores the failure of the last try and sets the run to FAILED. Returns false if this start was fenced off. */
export async function failStep(pool: pg.Pool, start: StepStart, error: string, reason: string): Promise<boolean> {
  return finish(pool, start, `status = 'FAILED', error = $5`, error, async (client) => {
    await client.query(
      `UPDATE runs SET status = 'FAILED', failure_reason = $3, updated_at = now()
       WHERE id = $1 AND attempt = $2 AND status = 'RUNNING'`,
      [start.job.run, start.job.attempt, reason],
    )
  })
}

/** Locks the run before its step, like all code that writes both, so that no deadlock can occur. */
async function finish(
  pool: pg.Pool,
  { job, token }: StepStart,
  assignment: string,
  value: unknown,
  updateRun: (client: pg.PoolClient) => Promise<void>,
): Promise<boolean> {
  return inTransaction(pool, async (client) => {
    await client.query('SELECT 1 FROM runs WHERE id = $1 FOR UPDATE', [job.run])
    const { rowCount } = await client.query(
      `UPDATE steps SET ${assignment}, finished_at = clock_timestamp()
       WHERE run_id = $1 AND step = $2 AND attempt = $3 AND token = $4 AND status = 'RUNNING'`,
      [job.run, job.step, job.attempt, token, value],
    )
    if (rowCount === 0) return false
    await updateRun(client)
    return true
  })
}
