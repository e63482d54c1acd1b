import { MaestroError } from '../errors.ts'
import { keyOf } from '../queue/connect.ts'
import { until } from '../repeat.ts'
import { jobIdOf } from '../workflows.ts'
import type { Fault } from './fault.ts'

/** Far more pixels than a worker's heap holds. */
const POISON_SIDE = 60_000
const HEALED_SIDE = 200
/** Its neighbours are started twice when they die with it; three times is telling. */
const STARTS = 3
const NEIGHBOURS = 60

/** A thumbnail so large that rendering it takes all memory of any worker that tries; its neighbours die with it. */
export const poisonPill: Fault = {
  name: 'poison-pill',
  title: 'One job crashes every worker that takes it',
  async inject(context) {
    const { redis, config } = context
    const neighbour = { render: { seconds: 1.2 } }
    const first = await context.startRuns('thumbnail', 4, neighbour)
    const [poison] = await context.startRuns('thumbnail', 1, { render: { width: POISON_SIDE, height: POISON_SIDE } })
    const rest = await context.startRuns('thumbnail', NEIGHBOURS, neighbour)
    const job = jobIdOf(poison!, 'render', 1)
    await until(async () => (Number(await redis.hget(keyOf(config, job), 'ats')) >= STARTS ? true : undefined), {
      withinMs: 30_000,
      otherwise: () => new MaestroError('failed', `${job} does not crash its workers`),
    })
    return {
      runs: [poison!, ...first, ...rest],
      see: [
        `${keyOf(config, job)} has ats ≥ ${STARTS} and no atm`,
        `supervisor.jsonl has process.crashed with last_job=${job}: its start is the last line of the dead worker`,
        'maestro_worker_starts rises; what the dead worker had beside it starts again later',
        '"npx runbook trigger queue-congestion --input length=20 --input oldest=10s" sees it, as long as the workers crash',
      ],
    }
  },
  /** Also once the job was taken out of the queue: its run would stay FAILED for ever. */
  async heal({ pool }) {
    // As FAILED any worker that still takes the old job leaves the step alone; as Stalled recovery gives the run a new one.
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
      ? 'no run asks for such a thumbnail any more'
      : `${runs.join(', ')} asks for ${HEALED_SIDE} × ${HEALED_SIDE} pixels now, and is started again`
  },
  async isOn({ pool }) {
    const { rows } = await pool.query(`SELECT 1 FROM runs WHERE status IN ('PENDING', 'RUNNING') AND ${IS_POISON}`, [
      POISON_SIDE,
    ])
    return rows.length > 0
  },
}

const IS_POISON = `current_step = 'render' AND (input #>> '{render,width}')::int = $1`
