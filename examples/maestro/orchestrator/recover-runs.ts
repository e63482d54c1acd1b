import type pg from 'pg'
import { inTransaction } from '../database/connect.ts'
import type { JsonLog } from '../json-log.ts'
import { MAX_ATTEMPTS } from '../workflows.ts'
import { queueStep } from './queue-step.ts'

const TO_RECOVER = `
SELECT r.id, r.current_step, r.attempt, r.failure_reason, s.type, s.status AS step_status, s.input
FROM runs r JOIN steps s ON s.run_id = r.id AND s.step = r.current_step AND s.attempt = r.attempt
WHERE r.status = 'RETRY' OR (r.status = 'FAILED' AND r.failure_reason = 'Stalled')
ORDER BY r.updated_at LIMIT 20
FOR UPDATE OF r SKIP LOCKED`

interface RecoverableRun {
  id: string
  current_step: string
  attempt: number
  failure_reason: string | null
  type: string
  step_status: string
  input: Record<string, unknown>
}

/**
 * Restarts the current step of each run that is RETRY, or FAILED with the reason 'Stalled': increments the attempt and queues a
 * new job. A worker that still has the old attempt is fenced off, because every write of a worker checks the attempt.
 */
export async function recoverRuns(pool: pg.Pool, log: JsonLog): Promise<void> {
  await inTransaction(pool, async (client) => {
    const { rows } = await client.query<RecoverableRun>(TO_RECOVER)
    for (const run of rows) {
      if (run.step_status === 'COMPLETED') {
        // The step was completed before the attempt was incremented. Running it again would do its work twice.
        await resume(client, run.id, run.attempt)
        log.info('run.recovered', { run: run.id, step: run.current_step, attempt: run.attempt, done: true })
      } else if (run.attempt >= MAX_ATTEMPTS) {
        await client.query(
          `UPDATE runs SET status = 'FAILED', failure_reason = 'Attempts exhausted', updated_at = now() WHERE id = $1`,
          [run.id],
        )
        log.error('run.given-up', { run: run.id, step: run.current_step, attempt: run.attempt })
      } else {
        const attempt = run.attempt + 1
        await resume(client, run.id, attempt)
        await queueStep(client, { run: run.id, step: run.current_step, type: run.type, attempt, input: run.input })
        log.warn('run.recovered', { run: run.id, step: run.current_step, attempt, reason: run.failure_reason })
      }
    }
  })
}

async function resume(client: pg.PoolClient, run: string, attempt: number): Promise<void> {
  await client.query(
    `UPDATE runs SET status = 'RUNNING', attempt = $2, failure_reason = NULL, updated_at = now() WHERE id = $1`,
    [run, attempt],
  )
}
