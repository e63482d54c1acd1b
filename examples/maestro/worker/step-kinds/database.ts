import type { StepKind } from './kind.ts'

/** Publishes the run's result. Repeating the step does not publish it twice. */
export const publish: StepKind = async ({ run, pool }) => {
  await pool.query('INSERT INTO publications (run_id) VALUES ($1) ON CONFLICT (run_id) DO NOTHING', [run])
  return { published: true }
}
