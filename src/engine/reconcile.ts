import { messageOf } from '../core/errors.ts'
import type { Outcome } from '../core/incident.ts'
import { incidentsToStart } from '../history/accept.ts'
import { closeIncident } from '../history/close.ts'
import { readIncident } from '../history/incidents.ts'
import { readPlan } from '../history/plans.ts'
import { describeIncident, type WorkflowState } from '../temporal/describe.ts'
import { wakeWorkflow } from '../temporal/wake-workflow.ts'
import type { Engine } from './engine.ts'
import { startAccepted } from './trigger.ts'

export interface Reconciled {
  started: string[]
  closed: string[]
  rung: string[]
}

const BATCH = 100
/** So many questions to Temporal at once. */
const AT_ONCE = 10
/** Who accepted an incident starts it within this time, or died. */
const START_GRACE_MS = 2_000
/** A gate that was decided so long ago and has no permit yet is rung again; then each time twice as late as before. */
const SIGNAL_GRACE_SECONDS = 10
/** A workflow that ended has closed its incident within this time, or never will. */
const CLOSE_GRACE_SECONDS = 15
/** Temporal is asked about one incident at most so often, by whatever process. */
const LOOK_SECONDS = 15

/**
 * Makes history and Temporal agree: starts what was accepted and not started, rings for gates that were decided and not acted on,
 * and closes truthfully what ended without saying so. Any number of processes may do this at once. What fails for one incident does
 * not keep the others waiting; the first such error is thrown when all have had their turn.
 */
export async function reconcile(engine: Engine): Promise<Reconciled> {
  const errors: unknown[] = []
  const reconciled = {
    started: await forEach(await toStart(engine), errors, (id) => start(engine, id)),
    rung: await forEach(await toSignal(engine), errors, async (id) => {
      await wakeWorkflow(engine.temporal.client, id)
      return true
    }),
    closed: await forEach(await toLookAt(engine), errors, (id) => closeIfEnded(engine, id)),
  }
  if (errors.length > 0) throw errors[0]
  return reconciled
}

/** Those for which `work` answered true. */
async function forEach(
  incidents: string[],
  errors: unknown[],
  work: (incident: string) => Promise<boolean>,
): Promise<string[]> {
  const done: string[] = []
  const left = [...incidents]
  const worker = async () => {
    for (let id = left.shift(); id !== undefined; id = left.shift())
      try {
        if (await work(id)) done.push(id)
      } catch (error) {
        errors.push(error)
      }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  return done
}

function toStart(engine: Engine): Promise<string[]> {
  return incidentsToStart(engine.database, START_GRACE_MS, BATCH)
}

async function start(engine: Engine, incident: string): Promise<boolean> {
  const { planDigest, inputs } = await readIncident(engine.database, incident)
  const plan = await readPlan(engine.database, planDigest)
  await startAccepted(engine, plan, { incident, planDigest, inputs })
  return true
}

/** Claimed in one statement, so that of several processes one rings. */
async function toSignal({ database }: Engine): Promise<string[]> {
  const claimed = await database.query<{ id: string }>(
    `WITH waiting AS (
       SELECT i.id, i.rung_at, coalesce(i.cancelled_at, g.decided_at) AS since
       FROM runbook.incidents i LEFT JOIN runbook.gates g
         ON g.incident = i.id AND g.round = (SELECT max(round) FROM runbook.gates WHERE incident = i.id)
       WHERE i.closed_at IS NULL AND i.started_at IS NOT NULL AND (i.cancelled_at IS NOT NULL
         OR (i.state = 'deciding' AND g.state <> 'open' AND NOT g.auto)))
     UPDATE runbook.incidents i SET rung_at = clock_timestamp() FROM waiting w
     WHERE i.id = w.id AND i.rung_at IS NOT DISTINCT FROM w.rung_at AND clock_timestamp() > CASE
       WHEN w.rung_at IS NULL OR w.rung_at < w.since THEN w.since + $1 * interval '1 second'
       ELSE w.rung_at + (w.rung_at - w.since) END
     RETURNING i.id`,
    [SIGNAL_GRACE_SECONDS],
  )
  return claimed.rows.map((row) => row.id)
}

/** Those that were not looked at for the longest time. */
async function toLookAt({ database }: Engine): Promise<string[]> {
  const claimed = await database.query<{ id: string }>(
    `UPDATE runbook.incidents SET looked_at = clock_timestamp() WHERE number IN (
       SELECT number FROM runbook.incidents WHERE closed_at IS NULL AND started_at < clock_timestamp() - $1 * interval '1 second'
         AND (looked_at IS NULL OR looked_at < clock_timestamp() - $2 * interval '1 second')
       ORDER BY looked_at NULLS FIRST, number LIMIT $3 FOR UPDATE SKIP LOCKED)
     RETURNING id`,
    [CLOSE_GRACE_SECONDS, LOOK_SECONDS, BATCH],
  )
  return claimed.rows.map((row) => row.id)
}

async function closeIfEnded(engine: Engine, incident: string): Promise<boolean> {
  const state = await describeIncident(engine.temporal.client, incident)
  if (state === 'running') return false
  const { fresh } = await closeIncident(engine.database, {
    incident,
    ...(await ended(engine, incident, state)),
    unsettled: 'its workflow ended before the effect was recorded',
  })
  return fresh
}

async function ended(
  engine: Engine,
  incident: string,
  state: Exclude<WorkflowState, 'running'>,
): Promise<{ outcome: Outcome; reason: string }> {
  if (state === 'cancelled') return { outcome: 'cancelled', reason: 'its workflow was cancelled in Temporal' }
  const words = {
    completed: 'completed without closing it',
    failed: 'failed',
    terminated: 'was terminated',
    'timed-out': 'timed out',
    gone: 'is gone from Temporal',
  }
  const why = state === 'failed' ? await whyFailed(engine, incident) : ''
  return { outcome: 'failed', reason: `its workflow ${words[state]}${why}` }
}

async function whyFailed(engine: Engine, incident: string): Promise<string> {
  try {
    await engine.temporal.client.workflow.getHandle(incident).result()
    return ''
  } catch (error) {
    const { cause } = error as { cause?: unknown }
    return cause === undefined ? '' : `: ${messageOf(cause)}`
  }
}
