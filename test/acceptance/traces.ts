import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { until } from './until.ts'
import type { World } from './world.ts'

export interface Traces {
  statuses: Record<string, number>
  published: string[]
  /** Steps that were carried out to their end more than once, as `run/step`. */
  doneTwice: string[]
}

/** What Maestro's own records say of these runs. */
export async function tracesOf({ maestro, installation }: World, runs: string[]): Promise<Traces> {
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
    doneTwice: done.filter((step, at) => done.indexOf(step) !== at),
  }
}

/** Waits until all these runs are COMPLETED; each must have been published, and no step carried out twice. */
export async function untilAllFinished(world: World, runs: string[]): Promise<void> {
  const traces = await until('all runs finish', async () => {
    const found = await tracesOf(world, runs)
    return found.statuses.COMPLETED === runs.length ? found : undefined
  })
  if (traces.published.join() !== [...runs].sort().join()) throw new Error(`published: ${traces.published.join()}`)
  if (traces.doneTwice.length > 0) throw new Error(`done twice: ${traces.doneTwice.join()}`)
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

/** Waits until all of these that are RUNNING have made no progress for 5 s. */
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
