import type { Queue } from 'bullmq'
import type pg from 'pg'
import { inTransaction } from '../database/connect.ts'
import type { StepJob } from '../queue/connect.ts'

const PENDING = `
SELECT o.id, o.job_id, s.run_id AS run, s.step, s.type, s.attempt, s.input, t.attempts, t.backoff_ms
FROM outbox o
JOIN steps s ON s.run_id = o.run_id AND s.step = o.step AND s.attempt = o.attempt
JOIN step_types t ON t.type = s.type
WHERE o.sent_at IS NULL
ORDER BY o.id LIMIT 100
FOR UPDATE OF o SKIP LOCKED`

interface PendingRow extends StepJob {
  id: string
  job_id: string
  attempts: number
  backoff_ms: number
}

/**
 * Turns outbox entries into jobs. An entry is marked as sent after its job is in Redis. After a crash in between, the job is added
 * again; BullMQ ignores that because the id exists. So no step is lost and none is queued twice.
 */
export async function relayOutbox(pool: pg.Pool, queue: Queue<StepJob>): Promise<void> {
  await inTransaction(pool, async (client) => {
    const { rows } = await client.query<PendingRow>(PENDING)
    if (rows.length === 0) return
    await queue.addBulk(
      rows.map(({ job_id, attempts, backoff_ms, run, step, type, attempt, input }) => ({
        name: type,
        data: { run, step, type, attempt, input },
        opts: { jobId: job_id, attempts, backoff: { type: 'exponential', delay: backoff_ms } },
      })),
    )
    await client.query('UPDATE outbox SET sent_at = now() WHERE id = ANY($1::bigint[])', [rows.map((row) => row.id)])
  })
}
