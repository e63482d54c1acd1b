import { defined } from '../src/core/defined.ts'
import { isRunbookError, messageOf, RunbookError } from '../src/core/errors.ts'
import { recordEvents } from '../src/history/record.ts'
import type { Escalation } from '../src/interpreter/host.ts'
import type { ActivityDependencies } from './dependencies.ts'

/** One of several tries to notify all channels. */
export interface EscalationTry {
  /** The results of earlier tries, by channel: these channels are not notified again. */
  results: Record<string, string>
  /** Saves the results for the next try. */
  remember(results: Record<string, string>): void
  /** The last try: a channel that cannot be reached is recorded. */
  last: boolean
}

/**
 * Notifies every channel and records the results. Throws after all channels were tried if one could not be reached, so that Temporal
 * tries again.
 */
export async function escalate(
  { database, notify }: Pick<ActivityDependencies, 'database' | 'notify'>,
  incident: string,
  { place, kind = 'escalation', to, message, reason }: Escalation,
  { results, remember, last }: EscalationTry,
): Promise<void> {
  const text = `${incident}: ${message}\n${reason}\nSee: runbook show ${incident}`
  let failure: unknown
  for (const channel of to) {
    if (results[channel] !== undefined) continue
    try {
      results[channel] = (await notify(channel, text)) ?? 'no channel is configured'
    } catch (error) {
      failure ??= error
      if (last) results[channel] = `not delivered: ${messageOf(error)}`
    }
    remember(results)
  }
  // As an error that is tried again, whatever it was: a channel's address may be corrected meanwhile.
  if (failure !== undefined && !last) throw toBeTriedAgain(failure)
  await recordEvents(database, incident, [
    { place, actor: 'engine', kind, data: { to, message, reason, notified: results } },
  ])
}

function toBeTriedAgain(failure: unknown): RunbookError {
  const { retryAfterMs } = isRunbookError(failure) ? failure.detail : {}
  return new RunbookError('RUNBOOK_UNREACHABLE', messageOf(failure), defined({ retryAfterMs }))
}
