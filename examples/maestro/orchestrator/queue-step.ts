import type pg from 'pg'
import type { StepJob } from '../queue/connect.ts'
import { jobIdOf } from '../workflows.ts'

/** Stores a step to run, with the outbox entry that the relay turns into its job. */
export async function queueStep(client: pg.PoolClient, { run, step, type, attempt, input }: StepJob): Promise<void> {
  const job = jobIdOf(run, step, attempt)
  await client.query('INSERT INTO steps (run_id, step, type, attempt, job_id, input) VALUES ($1, $2, $3, $4, $5, $6)', [
    run,
    step,
    type,
    attempt,
    job,
    input,
  ])
  await client.query('INSERT INTO outbox (run_id, step, attempt, job_id) VALUES ($1, $2, $3, $4)', [
    run,
    step,
    attempt,
    job,
  ])
}
