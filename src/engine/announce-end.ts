import { escalate } from '../../activities/escalate.ts'
import { isRunbookError } from '../core/errors.ts'
import { formatPlace, placesInRounds } from '../core/place.ts'
import type { Plan } from '../core/plan.ts'
import { readIncident } from '../history/incidents.ts'
import { readPlan } from '../history/plans.ts'
import { notifyChannel } from '../targets/notify-channel.ts'
import type { Engine } from './engine.ts'

/** An incident that ended longer ago is not announced any more: the engine or its database was away for that long. */
const NOTIFY_WITHIN_SECONDS = 7_200
/** The least time between two attempts for one incident, over all processes. */
const RETRY_SECONDS = 15
const BATCH = 100

/**
 * Claims incidents that ended as `failed` or `escalated` and have no escalation in their history. Nobody has been notified of them: the
 * workflow ended early or never started, or somebody who reaches Temporal answered in place of the activity that notifies.
 */
export async function unannounced({ database }: Pick<Engine, 'database'>): Promise<string[]> {
  const claimed = await database.query<{ id: string }>(
    `UPDATE runbook.incidents SET looked_at = clock_timestamp() WHERE number IN (
       SELECT number FROM runbook.incidents i WHERE outcome IN ('failed', 'escalated')
         AND closed_at > statement_timestamp() - $1 * interval '1 second'
         AND (looked_at IS NULL OR looked_at < closed_at OR looked_at < clock_timestamp() - $2 * interval '1 second')
         AND NOT EXISTS (SELECT FROM runbook.events e WHERE e.incident = i.id AND e.place = ANY ($4))
       ORDER BY number LIMIT $3 FOR UPDATE SKIP LOCKED)
     RETURNING id`,
    [NOTIFY_WITHIN_SECONDS, RETRY_SECONDS, BATCH, placesInRounds('escalation')],
  )
  return claimed.rows.map((row) => row.id)
}

/** Notifies everybody in the plan's `escalate.to` of the incident's end, and records it. */
export async function announceEnd(engine: Pick<Engine, 'database' | 'config'>, incident: string): Promise<boolean> {
  const { database, config } = engine
  const { planDigest, reason } = await readIncident(database, incident)
  const plan = await planOf(engine, planDigest)
  const escalation = {
    place: formatPlace({ kind: 'escalation', round: 1 }),
    to: plan?.escalate.to ?? [],
    message: plan?.title ?? 'its plan cannot be read, so the engine does not know who to notify',
    reason: reason ?? '',
  }
  const notify = (channel: string, text: string) => notifyChannel(config.channels, channel, text)
  await escalate({ database, notify }, incident, escalation, { results: {}, remember: () => {} })
  return true
}

async function planOf({ database }: Pick<Engine, 'database'>, digest: string): Promise<Plan | undefined> {
  try {
    return await readPlan(database, digest)
  } catch (error) {
    if (isRunbookError(error, 'RUNBOOK_REFUSED') || isRunbookError(error, 'RUNBOOK_NOT_FOUND')) return undefined
    throw error
  }
}
