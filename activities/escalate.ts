import { isRunbookError, messageOf } from '../src/core/errors.ts'
import { NOT_DELIVERED_YET } from '../src/core/events.ts'
import { recordNotification, type Undelivered } from '../src/history/deliveries.ts'
import type { Escalation } from '../src/interpreter/host.ts'
import type { ActivityDependencies } from './dependencies.ts'

/** What an attempt that crashed had done. */
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
 * Notifies all channels once, at the same time, and records the results. An incident never waits longer for a channel that does not
 * answer: together with the results it is stored that the message must be sent again, and the reconciler does that
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
      // Every error is tried again, whatever it was: a channel's address may be corrected meanwhile.
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
