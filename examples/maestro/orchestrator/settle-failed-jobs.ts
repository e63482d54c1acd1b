import type { Redis } from 'ioredis'
import type pg from 'pg'
import { inTransaction } from '../database/connect.ts'
import type { JsonLog } from '../json-log.ts'

const UNFINISHED = `
SELECT r.id, s.step, s.attempt, s.job_id
FROM runs r JOIN steps s ON s.run_id = r.id AND s.step = r.current_step AND s.attempt = r.attempt
WHERE r.status IN ('PENDING', 'RUNNING') AND s.status <> 'COMPLETED' AND r.updated_at < now() - interval '1 second'
ORDER BY r.updated_at LIMIT 500`

/**
 * Marks a run FAILED if its job failed and no worker recorded that: the job was removed from the queue, stalled too often, or its
 * worker could not reach the database.
 * @param queueKey the prefix of the queue's keys without the last colon, such as `maestro:queue`
 */
export async function settleFailedJobs(pool: pg.Pool, redis: Redis, queueKey: string, log: JsonLog): Promise<void> {
  const { rows } = await pool.query<{ id: string; step: string; attempt: number; job_id: string }>(UNFINISHED)
  for (const row of rows) {
    const failedAt = await redis.zscore(`${queueKey}:failed`, row.job_id)
    if (failedAt === null) continue
    const reason = (await redis.hget(`${queueKey}:${row.job_id}`, 'failedReason')) ?? 'Job failed'
    const settled = await inTransaction(pool, async (client) => {
      await client.query('SELECT 1 FROM runs WHERE id = $1 FOR UPDATE', [row.id])
      // If the step was started after the failure, a retry is already running.
      const { rowCount } = await client.query(
        `UPDATE steps SET status = 'FAILED', error = $4, finished_at = now()
         WHERE run_id = $1 AND step = $2 AND attempt = $3 AND status <> 'COMPLETED'
           AND (started_at IS NULL OR started_at <= to_timestamp($5::double precision / 1000))`,
        [row.id, row.step, row.attempt, reason, failedAt],
      )
      if (rowCount === 0) return false
      await client.query(
        `UPDATE runs SET status = 'FAILED', failure_reason = $3, updated_at = now()
         WHERE id = $1 AND attempt = $2 AND status IN ('PENDING', 'RUNNING')`,
        [row.id, row.attempt, reason],
      )
      return true
    })
    if (settled)
      log.error('run.failed', { run: row.id, step: row.step, attempt: row.attempt, job: row.job_id, error: reason })
  }
}
