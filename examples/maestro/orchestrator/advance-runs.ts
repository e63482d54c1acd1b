import type pg from 'pg'
import { inTransaction } from '../database/connect.ts'
import type { JsonLog } from '../json-log.ts'
import { stepAfter } from '../workflows.ts'
import { queueStep } from './queue-step.ts'

const FINISHED_STEPS = `
SELECT r.id, r.workflow, r.current_step, r.input, r.attempt
FROM runs r JOIN steps s ON s.run_id = r.id AND s.step = r.current_step AND s.attempt = r.attempt
WHERE r.status = 'RUNNING' AND s.status = 'COMPLETED'
ORDER BY r.updated_at LIMIT 50
FOR UPDATE OF r SKIP LOCKED`

interface FinishedStep {
  id: string
  workflow: string
  current_step: string
  input: Record<string, Record<string, unknown>>
  attempt: number
}

/** Moves each run whose current step is completed to its next step, or to COMPLETED after the last step. */
export async function advanceRuns(pool: pg.Pool, log: JsonLog): Promise<void> {
  await inTransaction(pool, async (client) => {
    const { rows } = await client.query<FinishedStep>(FINISHED_STEPS)
    for (const run of rows) {
      const next = stepAfter(run.workflow, run.current_step)
      if (next) {
        await client.query('UPDATE runs SET current_step = $2, updated_at = now() WHERE id = $1', [run.id, next.step])
        await queueStep(client, { run: run.id, ...next, attempt: run.attempt, input: run.input[next.step] ?? {} })
      } else {
        await client.query(`UPDATE runs SET status = 'COMPLETED', updated_at = now() WHERE id = $1`, [run.id])
        log.info('run.completed', { run: run.id, workflow: run.workflow })
      }
    }
  })
}
