import type { Outcome } from '../core/incident.ts'
import { incidentsToStart } from '../history/accept.ts'
import { closeIncident } from '../history/close.ts'
import { readIncident } from '../history/incidents.ts'
import { readPlan } from '../history/plans.ts'
import { describeIncident, type WorkflowState } from '../temporal/describe.ts'
import { ring } from '../temporal/ring.ts'
import type { Engine } from './engine.ts'
import { startAccepted } from './trigger.ts'

export interface Reconciled {
  started: string[]
  closed: string[]
  rung: string[]
}

const BATCH = 100
/** Who accepted an incident starts it within this time, or died. */
const START_GRACE_MS = 2_000
/** A gate that was decided so long ago and has no permit yet is rung again. */
const RING_GRACE_SECONDS = 10
/** A workflow that ended has closed its incident within this time, or never will. */
const CLOSE_GRACE_SECONDS = 15

/**
 * Makes history and Temporal agree: starts what was accepted and not started, rings for gates that were decided and not acted on,
 * and closes truthfully what ended without saying so. Any number of processes may do this at once.
 */
export async function reconcile(engine: Engine): Promise<Reconciled> {
  return { started: await startWaiting(engine), rung: await ringDecided(engine), closed: await closeEnded(engine) }
}

async function startWaiting(engine: Engine): Promise<string[]> {
  const waiting = await incidentsToStart(engine.database, START_GRACE_MS, BATCH)
  for (const id of waiting) {
    const { planDigest, inputs } = await readIncident(engine.database, id)
    const plan = await readPlan(engine.database, planDigest)
    await startAccepted(engine, plan, { incident: id, planDigest, inputs })
  }
  return waiting
}

async function ringDecided(engine: Engine): Promise<string[]> {
  const found = await engine.database.query<{ incident: string }>(
    `SELECT i.id AS incident FROM runbook.incidents i LEFT JOIN runbook.gates g
       ON g.incident = i.id AND g.round = (SELECT max(round) FROM runbook.gates WHERE incident = i.id)
     WHERE i.closed_at IS NULL AND i.started_at IS NOT NULL AND (
       (i.state = 'deciding' AND g.state <> 'open' AND NOT g.auto AND g.decided_at < clock_timestamp() - $1 * interval '1 second')
       OR i.cancelled_at < clock_timestamp() - $1 * interval '1 second')
     LIMIT $2`,
    [RING_GRACE_SECONDS, BATCH],
  )
  for (const { incident } of found.rows) await ring(engine.temporal.client, incident)
  return found.rows.map((row) => row.incident)
}

async function closeEnded(engine: Engine): Promise<string[]> {
  const open = await engine.database.query<{ id: string }>(
    `SELECT id FROM runbook.incidents WHERE closed_at IS NULL AND started_at < clock_timestamp() - $1 * interval '1 second' ORDER BY number LIMIT 1000`,
    [CLOSE_GRACE_SECONDS],
  )
  const closed: string[] = []
  for (const { id } of open.rows) {
    const state = await describeIncident(engine.temporal.client, id)
    if (state === 'running') continue
    await settleReserved(engine, id)
    await closeIncident(engine.database, { incident: id, ...ended(state) })
    closed.push(id)
  }
  return closed
}

function ended(state: Exclude<WorkflowState, 'running'>): { outcome: Outcome; reason: string } {
  if (state === 'cancelled') return { outcome: 'cancelled', reason: 'its workflow was cancelled in Temporal' }
  const words = {
    completed: 'completed without closing it',
    failed: 'failed',
    terminated: 'was terminated',
    'timed-out': 'timed out',
    gone: 'is gone from Temporal',
  }
  return { outcome: 'failed', reason: `its workflow ${words[state]}` }
}

/** What had its permit and no effect yet may have been done or not: that is said, not guessed. */
async function settleReserved(engine: Engine, incident: string): Promise<void> {
  await engine.database.query(
    `INSERT INTO runbook.effects (gate, action, target, result, detail)
     SELECT p.gate, a.value->>'id', p.target, 'unknown', 'its workflow ended before the effect was recorded'
     FROM runbook.permits p JOIN runbook.gates g ON g.id = p.gate, jsonb_array_elements(g.proposal::jsonb->'actions') AS a (value)
     WHERE g.incident = $1 AND a.value->>'target' = p.target
     ON CONFLICT DO NOTHING`,
    [incident],
  )
}
