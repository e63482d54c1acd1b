import { isRunbookError, messageOf } from '../core/errors.ts'
import type { Outcome } from '../core/incident.ts'
import { incidentsToStart } from '../history/accept.ts'
import { closeIncident } from '../history/close.ts'
import { readableInputs, readIncident } from '../history/incidents.ts'
import { incidentsToSample } from '../history/detection.ts'
import { askForSample } from './detection/ask-for-sample.ts'
import { closeOutdated, outdatedIncidents } from './close-outdated.ts'
import { readPlan } from '../history/plans.ts'
import { describeWorkflow, type WorkflowState } from '../temporal/describe.ts'
import { incidentWorkflow, wakeIncident } from './incident-workflow.ts'
import type { Engine } from './engine.ts'
import { releaseAlerts } from './maintenance/release-alerts.ts'
import { startAccepted } from './trigger.ts'

/** The ids of the incidents for which something was done. */
export interface Reconciled {
  started: string[]
  signalled: string[]
  closed: string[]
  /** The incidents for which a sample was started because an alert ended. */
  sampled: string[]
}

const BATCH = 100
/** Concurrent requests to Temporal. */
const CONCURRENCY = 10
/**
 * The process that accepts an incident starts the incident's workflow within this time, unless the process was killed. After this time the
 * reconciler starts the workflow.
 */
const START_GRACE_MS = 2_000
/** If a decided gate still has no permit after this time, its workflow is signalled again. Each further wait is twice as long. */
const SIGNAL_GRACE_SECONDS = 10
/** The maximum wait between two signals. Without it, a decision could wait for further hours after an outage of hours. */
const MAX_SIGNAL_INTERVAL_SECONDS = 60
/** A workflow that has ended closes its incident within this time or not at all. After this time the reconciler closes the incident. */
const CLOSE_GRACE_SECONDS = 15
/** The minimum time between two requests to Temporal about one incident, counted over all processes. */
const DESCRIBE_INTERVAL_SECONDS = 15

/**
 * Makes the history and Temporal agree: starts the workflows of accepted incidents that have none, signals workflows whose gate was decided
 * but not acted on, starts samples that were asked for, opens the incidents of alerts that maintenance held back, and closes incidents
 * whose workflow ended without closing them, or whose version has no workers any more. Several processes may do this at once. A failure for
 * one incident does not delay the others; the first error is thrown after all were processed.
 */
export async function reconcile(engine: Engine): Promise<Reconciled> {
  const errors: unknown[] = []
  const versions = await outdatedIncidents(engine)
  const outdated = await forEach([...versions.keys()], errors, (id) => closeOutdated(engine, id, versions.get(id)!))
  const reconciled = {
    started: await forEach(await toStart(engine), errors, (id) => start(engine, id)),
    signalled: await forEach(await toSignal(engine), errors, async (id) => {
      await wakeIncident(engine, id, { insist: true })
      return true
    }),
    sampled: await forEach(await incidentsToSample(engine.database, BATCH), errors, (id) => askForSample(engine, id)),
    closed: [...outdated, ...(await forEach(await toDescribe(engine), errors, (id) => closeIfEnded(engine, id)))],
  }
  await releaseAlerts(engine).catch((error: unknown) => errors.push(error))
  if (errors.length > 0) throw errors[0]
  return reconciled
}

/** Runs `work` for each incident, and returns the incidents for which it returned true. */
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
  await Promise.all(Array.from({ length: CONCURRENCY }, worker))
  return done
}

function toStart(engine: Engine): Promise<string[]> {
  return incidentsToStart(engine.database, START_GRACE_MS, BATCH)
}

async function start(engine: Engine, incident: string): Promise<boolean> {
  const { planDigest, inputs, workflowId } = await readIncident(engine.database, incident)
  try {
    const plan = await readPlan(engine.database, planDigest)
    await startAccepted(engine, workflowId, plan, { incident, planDigest, inputs: readableInputs(incident, inputs) })
    return true
  } catch (error) {
    // With these two errors another attempt cannot succeed either: the workflow's id is taken, or the stored plan was changed. An incident
    // that can never be diagnosed must not stay open, so it is closed.
    if (!isRunbookError(error, 'RUNBOOK_CONFLICT') && !isRunbookError(error, 'RUNBOOK_REFUSED')) throw error
    await closeIncident(engine.database, { incident, outcome: 'failed', reason: error.message })
    return false
  }
}

/** Claims the incidents in one statement, so that only one of several processes sends the signal. */
async function toSignal({ database }: Engine): Promise<string[]> {
  const claimed = await database.query<{ id: string }>(
    `WITH waiting AS (
       SELECT i.id, i.rung_at, coalesce(i.cancelled_at, g.decided_at, g.opened_at) AS since
       FROM runbook.incidents i LEFT JOIN runbook.gates g
         ON g.incident = i.id AND g.round = (SELECT max(round) FROM runbook.gates WHERE incident = i.id)
       WHERE i.closed_at IS NULL AND i.started_at IS NOT NULL AND (i.cancelled_at IS NOT NULL
         OR (i.state = 'deciding' AND g.state <> 'open' AND NOT g.auto)))
     UPDATE runbook.incidents i SET rung_at = clock_timestamp() FROM waiting w
     WHERE i.id = w.id AND i.rung_at IS NOT DISTINCT FROM w.rung_at AND clock_timestamp() > CASE
       WHEN w.rung_at IS NULL OR w.rung_at < w.since THEN w.since + $1 * interval '1 second'
       ELSE w.rung_at + least(w.rung_at - w.since, $2 * interval '1 second') END
     RETURNING i.id`,
    [SIGNAL_GRACE_SECONDS, MAX_SIGNAL_INTERVAL_SECONDS],
  )
  return claimed.rows.map((row) => row.id)
}

/** Claims the incidents that were checked longest ago. */
async function toDescribe({ database }: Engine): Promise<string[]> {
  const claimed = await database.query<{ id: string }>(
    `UPDATE runbook.incidents SET looked_at = clock_timestamp() WHERE number IN (
       SELECT number FROM runbook.incidents WHERE closed_at IS NULL AND started_at < clock_timestamp() - $1 * interval '1 second'
         AND (looked_at IS NULL OR looked_at < clock_timestamp() - $2 * interval '1 second')
       ORDER BY looked_at NULLS FIRST, number LIMIT $3 FOR UPDATE SKIP LOCKED)
     RETURNING id`,
    [CLOSE_GRACE_SECONDS, DESCRIBE_INTERVAL_SECONDS, BATCH],
  )
  return claimed.rows.map((row) => row.id)
}

async function closeIfEnded(engine: Engine, incident: string): Promise<boolean> {
  const state = await describeWorkflow(await incidentWorkflow(engine, incident))
  if (state === 'running') return false
  const { fresh } = await closeIncident(engine.database, {
    incident,
    ...(await outcomeOf(engine, incident, state)),
    unsettled: 'its workflow ended before the effect was recorded',
  })
  return fresh
}

async function outcomeOf(
  engine: Engine,
  incident: string,
  state: Exclude<WorkflowState, 'running'>,
): Promise<{ outcome: Outcome; reason: string }> {
  if (state === 'cancelled') return { outcome: 'cancelled', reason: 'its workflow was cancelled in Temporal' }
  const descriptions = {
    completed: 'completed without closing it',
    failed: 'failed',
    terminated: 'was terminated',
    'timed-out': 'timed out',
    gone: 'is gone from Temporal',
  }
  const why = state === 'failed' || state === 'terminated' ? await whyEnded(engine, incident) : ''
  return { outcome: 'failed', reason: `its workflow ${descriptions[state]}${why}` }
}

/** The reason why the workflow ended: the error with which it failed, or the reason that was given when it was terminated. */
async function whyEnded(engine: Engine, incident: string): Promise<string> {
  try {
    await (await incidentWorkflow(engine, incident)).result()
    return ''
  } catch (error) {
    const { cause } = error as { cause?: unknown }
    return cause === undefined ? '' : `: ${messageOf(cause)}`
  }
}
