import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { MaestroConfig } from '../config.ts'
import { MaestroError } from '../errors.ts'
import { keyOf } from '../queue/connect.ts'
import { until } from '../repeat.ts'
import { jobIdOf } from '../workflows.ts'
import type { Fault } from './fault.ts'

/** A thumbnail of this width and height needs far more memory than a worker's heap has. */
const POISON_SIDE = 60_000
const HEALED_SIDE = 200
/** A job that runs next to the poison pill dies with the same worker and is started twice. Three starts identify the poison pill. */
const STARTS = 3
/** On a slow machine a worker may start another job after the poison pill and then crash. The log of that crash does not show which job caused it, so two crashes that show the poison pill are enough. */
const CRASHES = 2
const NORMAL_RUNS = 40

/** A thumbnail so large that every worker that renders it runs out of memory. Other jobs on that worker die with it. */
export const poisonPill: Fault = {
  name: 'poison-pill',
  title: 'One job crashes every worker that takes it',
  async inject(context) {
    const { redis, config } = context
    const normalInput = { render: { seconds: 1.2 } }
    const first = await context.startRuns('thumbnail', 4, normalInput)
    const [poison] = await context.startRuns('thumbnail', 1, { render: { width: POISON_SIDE, height: POISON_SIDE } })
    const rest = await context.startRuns('thumbnail', NORMAL_RUNS, normalInput)
    const job = jobIdOf(poison!, 'render', 1)
    await until(
      async () => {
        const starts = Number(await redis.hget(keyOf(config, job), 'ats'))
        return starts >= STARTS && crashesAfter(job, config) >= CRASHES ? true : undefined
      },
      {
        timeoutMs: 30_000,
        timeoutError: () => new MaestroError('failed', `timed out after 30 s waiting for ${job} to crash workers`),
      },
    )
    return {
      runs: [poison!, ...first, ...rest],
      symptoms: [
        `in Redis, ${keyOf(config, job)} has an ats (starts) of ${STARTS} or more and no atm (ended attempts): no start came to an end`,
        `supervisor.jsonl has process.crashed with last_job=${job}: the last line that the worker logged is the start of this job`,
        'maestro_worker_starts rises; the other jobs of a crashed worker start again later',
        '"npx runbook trigger queue-congestion --input length=20 --input oldest=10s" finds it while the workers crash',
      ],
    }
  },
  /** Healing works even if the job was removed from the queue already. Otherwise the job's run would stay FAILED. */
  async heal({ pool }) {
    // With the status FAILED, a worker that still takes the old job skips the step. With the reason 'Stalled', recovery gives the run a new job.
    const { rows } = await pool.query<{ id: string }>(
      `WITH healed AS (
         UPDATE runs SET status = 'FAILED', failure_reason = 'Stalled', updated_at = now(),
           input = jsonb_set(input, '{render}', $2)
         WHERE status <> 'COMPLETED' AND ${IS_POISON} RETURNING id
       )
       UPDATE steps SET input = $2 FROM healed
       WHERE steps.run_id = healed.id AND steps.step = 'render' RETURNING healed.id`,
      [POISON_SIDE, JSON.stringify({ width: HEALED_SIDE, height: HEALED_SIDE })],
    )
    const runs = [...new Set(rows.map(({ id }) => id))]
    return runs.length === 0
      ? 'no unfinished run has a thumbnail of that size'
      : `${runs.join(', ')}: thumbnail size set to ${HEALED_SIDE} × ${HEALED_SIDE} pixels; recovery restarts the run`
  },
  async isOn({ pool }) {
    const { rows } = await pool.query(`SELECT 1 FROM runs WHERE status IN ('PENDING', 'RUNNING') AND ${IS_POISON}`, [
      POISON_SIDE,
    ])
    return rows.length > 0
  },
}

const IS_POISON = `current_step = 'render' AND (input #>> '{render,width}')::int = $1`

/** How many workers crashed whose last log line is the start of this job. */
function crashesAfter(job: string, { dir }: MaestroConfig): number {
  const lines = readFileSync(join(dir, 'logs', 'supervisor.jsonl'), 'utf8').split('\n')
  return lines.filter((line) => line.includes('"process.crashed"') && line.includes(`"last_job":"${job}"`)).length
}
