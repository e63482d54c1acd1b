import { defined } from '../core/defined.ts'
import { isRunbookError, messageOf } from '../core/errors.ts'
import { formatPlace, placesInRounds } from '../core/place.ts'
import type { Plan } from '../core/plan.ts'
import { readIncident } from '../history/incidents.ts'
import { readPlan } from '../history/plans.ts'
import { recordEvents } from '../history/record.ts'
import { notifyChannel } from '../targets/notify-channel.ts'
import type { Engine } from './engine.ts'

/** For how long a failed incident is announced to channels that cannot be reached. */
const NOTIFY_WITHIN_SECONDS = 3_600
/** The least time between two tries for one incident, over all processes. */
const RETRY_SECONDS = 15
const BATCH = 100

/** Results of earlier tries, by incident and channel: a channel that was notified is not notified again by this process. */
const delivered = new Map<string, Record<string, string>>()

/**
 * Claims incidents that ended as `failed` without an escalation in their history, such as those whose workflow ended or never started:
 * nobody was notified of them by the workflow.
 */
export async function failedUnannounced({ database }: Pick<Engine, 'database'>): Promise<string[]> {
  const claimed = await database.query<{ id: string }>(
    `UPDATE runbook.incidents SET looked_at = clock_timestamp() WHERE number IN (
       SELECT number FROM runbook.incidents i WHERE outcome = 'failed'
         AND closed_at > statement_timestamp() - 2 * $1 * interval '1 second'
         AND (looked_at IS NULL OR looked_at < closed_at OR looked_at < clock_timestamp() - $2 * interval '1 second')
         AND NOT EXISTS (SELECT FROM runbook.events e WHERE e.incident = i.id AND e.place = ANY ($4))
       ORDER BY number LIMIT $3 FOR UPDATE SKIP LOCKED)
     RETURNING id`,
    [NOTIFY_WITHIN_SECONDS, RETRY_SECONDS, BATCH, placesInRounds('escalation')],
  )
  return claimed.rows.map((row) => row.id)
}

/**
 * Notifies everybody in the plan's `escalate.to` that the incident failed, and records it. Returns whether this was recorded: while a
 * channel cannot be reached, it is tried again for an hour.
 */
export async function notifyFailed(engine: Pick<Engine, 'database' | 'config'>, incident: string): Promise<boolean> {
  const { planDigest, reason, closedAt } = await readIncident(engine.database, incident)
  const plan = await planOf(engine, planDigest)
  const to = plan?.escalate.to ?? []
  const message = plan?.title ?? 'its plan cannot be read, so the engine does not know who to notify'
  const results = delivered.get(incident) ?? {}
  delivered.set(incident, results)
  const isLast = closedAt !== null && Date.now() - Date.parse(String(closedAt)) > NOTIFY_WITHIN_SECONDS * 1_000
  const text = `${incident}: ${message}\n${reason ?? ''}\nSee: runbook show ${incident}`
  for (const channel of to) {
    if (results[channel] !== undefined) continue
    try {
      results[channel] = (await notifyChannel(engine.config.channels, channel, text)) ?? 'no channel is configured'
    } catch (error) {
      if (isLast) results[channel] = `not delivered: ${messageOf(error)}`
    }
  }
  if (to.some((channel) => results[channel] === undefined)) return false
  const data = { to, message, reason: reason ?? '', notified: results }
  const place = formatPlace({ kind: 'escalation', round: 1 })
  await recordEvents(engine.database, incident, [
    defined({ place, actor: 'engine', kind: 'escalation' as const, data }),
  ])
  delivered.delete(incident)
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
