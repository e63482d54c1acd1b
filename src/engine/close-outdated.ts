import { humanDuration } from '../core/duration.ts'
import { IR_VERSION } from '../core/plan.ts'
import { closeIncident } from '../history/close.ts'
import type { Queryable } from '../history/database.ts'
import { terminateWorkflow } from '../temporal/describe.ts'
import { incidentWorkflow } from './incident-workflow.ts'
import type { Engine } from './engine.ts'

/** How long an incident of another version waits for a worker of that version. A rollout, and a roll back, must end within this time. */
export const GRACE_MS = 15 * 60_000

/** The plans of open incidents, with the version of each. */
const OPEN_PLANS = `SELECT digest, substring(plan FROM '"irVersion":([0-9]{1,6})')::int AS version FROM runbook.plans
  WHERE digest IN (SELECT plan_digest FROM runbook.incidents WHERE closed_at IS NULL)`

/**
 * Returns the open incidents whose plan has another version, grouped by that version, if no worker of that version was seen for the grace
 * time. Nobody would ever continue these incidents. See docs/decisions/versions-side-by-side.md.
 */
export async function outdatedIncidents({ database }: Pick<Engine, 'database'>): Promise<Map<string, number>> {
  const found = await database.query<{ id: string; version: number }>(
    `WITH open_plans AS MATERIALIZED (${OPEN_PLANS})
     SELECT i.id, o.version FROM runbook.incidents i JOIN open_plans o ON o.digest = i.plan_digest
     WHERE i.closed_at IS NULL AND o.version <> $1 AND i.opened_at < clock_timestamp() - $2 * interval '1 millisecond'
       AND NOT EXISTS (SELECT FROM runbook.workers w
         WHERE w.ir_version = o.version AND w.seen_at > clock_timestamp() - $2 * interval '1 millisecond')
     ORDER BY i.number LIMIT 100`,
    [IR_VERSION, GRACE_MS],
  )
  return new Map(found.rows.map(({ id, version }) => [id, version]))
}

/** Incidents that wait for a worker of another version. */
export interface OtherVersion {
  version: number
  incidents: number
  /** The milliseconds since a worker of the version was last seen; null if none was seen in the last days. */
  seenMs: number | null
}

export async function otherVersions(db: Queryable): Promise<OtherVersion[]> {
  const found = await db.query<OtherVersion>(
    `WITH open_plans AS MATERIALIZED (${OPEN_PLANS})
     SELECT o.version, count(*)::int AS incidents,
       (SELECT (extract(epoch FROM clock_timestamp() - max(w.seen_at)) * 1000)::float8 FROM runbook.workers w
        WHERE w.ir_version = o.version) AS "seenMs"
     FROM runbook.incidents i JOIN open_plans o ON o.digest = i.plan_digest
     WHERE i.closed_at IS NULL AND o.version <> $1 GROUP BY o.version ORDER BY o.version`,
    [IR_VERSION],
  )
  return found.rows
}

/**
 * Ends the incident's workflow and closes the incident as failed with the reason, so that it does not stay open for ever and people are
 * notified.
 */
export async function closeOutdated(engine: Engine, incident: string, version: number): Promise<boolean> {
  const age = version < IR_VERSION ? 'an older' : 'a newer'
  const reason = `its plan was compiled by ${age} version of the engine (plans of version ${version}; this version runs ${IR_VERSION}), and no worker of that version was seen for ${humanDuration(GRACE_MS)}. Open it again, and check what was applied`
  await terminateWorkflow(await incidentWorkflow(engine, incident), reason)
  const unsettled = 'the incident was closed after a change of the version, before the effect was recorded'
  const { fresh } = await closeIncident(engine.database, { incident, outcome: 'failed', reason, unsettled })
  return fresh
}
