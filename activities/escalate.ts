import { recordEvents } from '../src/history/record.ts'
import type { Escalation } from '../src/interpreter/host.ts'
import type { ActivityDependencies } from './dependencies.ts'

/**
 * Records that people are to be notified. The messages are derived from the event, and any worker can send them (src/engine/messages), so
 * an incident never waits for a channel.
 */
export async function escalate(
  { database, whyUnreachable }: Pick<ActivityDependencies, 'database' | 'whyUnreachable'>,
  incident: string,
  { place, kind = 'escalation', to, message, reason }: Escalation,
): Promise<void> {
  const unreachable = to.flatMap((name) => {
    const why = whyUnreachable(name)
    return why === undefined ? [] : [[name, why] as const]
  })
  const notified = Object.fromEntries(unreachable)
  await recordEvents(database, incident, [{ place, actor: 'engine', kind, data: { to, message, reason, notified } }])
}
