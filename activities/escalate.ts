import { isRunbookError, messageOf } from '../src/core/errors.ts'
import { NOT_DELIVERED_YET } from '../src/core/events.ts'
import { recordNotification, type Undelivered } from '../src/history/deliveries.ts'
import type { Escalation } from '../src/interpreter/host.ts'
import type { ActivityDependencies } from './dependencies.ts'

/** What an earlier attempt at the activity had done before it crashed. */
export interface EarlierAttempt {
  /** The results by channel: these channels are not notified again. */
  results: Record<string, string>
  /** Saves the results for the next attempt. */
  remember(results: Record<string, string>): void
}

/** The text that the channels get. */
export function notificationText(incident: string, { message, reason }: { message: string; reason: string }): string {
  return `${incident}: ${message}\n${reason}\nSee: runbook show ${incident}`
}

/**
 * Notifies all channels once, at the same time, and records the results. An incident does not wait for a channel that
 * does not answer: together with the results, the undelivered message is stored, and the reconciler sends it again
 * (src/engine/deliver.ts).
 */
export async function escalate(
  { database, notify }: Pick<ActivityDependencies, 'database' | 'notify'>,
  incident: string,
  { place, kind = 'escalation', to, message, reason }: Escalation,
  { results, remember }: EarlierAttempt,
): Promise<void> {
  const text = notificationText(incident, { message, reason })
  const undelivered: Undelivered[] = []
  const failures: Record<string, string> = {}
  const send = async (channel: string) => {
    try {
      results[channel] = (await notify(channel, text)) ?? 'no channel is configured'
      remember(results)
    } catch (error) {
      // The message is sent again after any error, because the channel's address may be corrected in the meantime.
      failures[channel] = `${NOT_DELIVERED_YET}${messageOf(error)}`
      undelivered.push({ channel, retryAfterMs: retryAfterMs(error) })
    }
  }
  await Promise.all([...new Set(to)].filter((channel) => results[channel] === undefined).map(send))
  const data = { to, message, reason, notified: { ...failures, ...results } }
  await recordNotification(database, incident, { place, actor: 'engine', kind, data }, undelivered)
}

/** How long a channel asks to wait. */
export function retryAfterMs(error: unknown): number | undefined {
  const asked = isRunbookError(error) ? error.detail.retryAfterMs : undefined
  return typeof asked === 'number' ? asked : undefined
}
