import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { until } from './until.ts'
import type { World } from './world.ts'

/** Maestro's own records about runs. */
export interface RunRecords {
  /** Number of runs by status. */
  statuses: Record<string, number>
  /** Ids of the published runs. */
  published: string[]
  /** Steps that were executed to their end more than once, as `run/step`. */
  executedTwice: string[]
}

/** Reads Maestro's database and logs for these runs. */
export async function runRecords({ maestro, installation }: World, runs: string[]): Promise<RunRecords> {
  const [states, published] = await Promise.all([
    maestro.query<{ status: string; n: number }>(
      'SELECT status, count(*)::int AS n FROM runs WHERE id = ANY($1) GROUP BY 1',
      [runs],
    ),
    maestro.query<{ run_id: string }>('SELECT run_id FROM publications WHERE run_id = ANY($1)', [runs]),
  ])
  const done = readLogs(installation.root)
    .filter((line) => ['step.completed', 'step.fenced-off'].includes(line.event) && runs.includes(line.run ?? ''))
    .map((line) => `${line.run}/${line.step}`)
  return {
    statuses: Object.fromEntries(states.rows.map((row) => [row.status, row.n])),
    published: published.rows.map((row) => row.run_id).sort(),
    executedTwice: done.filter((step, index) => done.indexOf(step) !== index),
  }
}

/** Waits until all these runs are COMPLETED. Fails if one was not published or a step was executed twice. */
export async function untilAllCompleted(world: World, runs: string[]): Promise<void> {
  const records = await until('all runs are COMPLETED', async () => {
    const found = await runRecords(world, runs)
    return found.statuses.COMPLETED === runs.length ? found : undefined
  })
  if (records.published.join() !== [...runs].sort().join())
    throw new Error(`expected ${runs.length} published runs, found: ${records.published.join()}`)
  if (records.executedTwice.length > 0) throw new Error(`steps executed twice: ${records.executedTwice.join()}`)
}

interface LogLine {
  event: string
  time: string
  run?: string
  step?: string
  job?: string
  last_job?: string | null
}

export function readLogs(root: string): LogLine[] {
  const folder = join(root, '.runbook/maestro/logs')
  return readdirSync(folder)
    .filter((file) => file.endsWith('.jsonl'))
    .flatMap((file) => readFileSync(join(folder, file), 'utf8').trim().split('\n'))
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as LogLine)
}

/** Waits until all of these runs are RUNNING and have made no progress for 5 s. */
export async function untilStuck({ maestro }: World, runs: string[]): Promise<void> {
  await until('the runs are stuck', async () => {
    const { rows } = await maestro.query<{ stuck: boolean }>(
      `SELECT r.status = 'RUNNING' AND greatest(r.updated_at, s.heartbeat_at) < now() - interval '5 seconds' AS stuck
       FROM runs r JOIN steps s ON s.run_id = r.id AND s.step = r.current_step AND s.attempt = r.attempt WHERE r.id = ANY($1)`,
      [runs],
    )
    return rows.length === runs.length && rows.every((row) => row.stuck) ? true : undefined
  })
}
