import { messageOf } from '../src/core/errors.ts'
import { recordEvents } from '../src/history/record.ts'
import type { Escalation } from '../src/interpreter/host.ts'
import type { ActivityDependencies } from './dependencies.ts'

/** One of several tries to tell people. */
export interface EscalationTry {
  /** What came of it in earlier tries, by channel: those are not told again. */
  told: Record<string, string>
  /** Keeps that for the next try. */
  remember(told: Record<string, string>): void
  /** From this try on, a channel that does not answer is recorded instead of tried again. */
  last: boolean
}

/**
 * Tells every channel, and records what came of it. Throws where one did not answer, after all were tried: Temporal tries again.
 */
export async function escalate(
  { database, notify }: Pick<ActivityDependencies, 'database' | 'notify'>,
  incident: string,
  { place, kind = 'escalation', to, message, reason }: Escalation,
  { told, remember, last }: EscalationTry,
): Promise<void> {
  const text = `${incident}: ${message}\n${reason}\nSee: runbook show ${incident}`
  let failure: unknown
  for (const channel of to) {
    if (told[channel] !== undefined) continue
    try {
      told[channel] = (await notify(channel, text)) ?? 'no channel is configured'
    } catch (error) {
      failure ??= error
      if (last) told[channel] = `not delivered: ${messageOf(error)}`
    }
    remember(told)
  }
  if (failure !== undefined && !last) throw failure
  await recordEvents(database, incident, [{ place, actor: 'engine', kind, data: { to, message, reason, told } }])
}
