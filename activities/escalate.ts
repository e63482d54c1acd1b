import { messageOf } from '../src/core/errors.ts'
import { recordEvents } from '../src/history/record.ts'
import type { Escalation } from '../src/interpreter/host.ts'
import type { ActivityDependencies } from './dependencies.ts'

/** Tells every channel, and records what came of it. A channel that does not answer is tried again by Temporal a few times first. */
export async function escalate(
  { database, notify }: ActivityDependencies,
  incident: string,
  { place, to, message, reason }: Escalation,
  lastTry: boolean,
): Promise<void> {
  const text = `${incident}: ${message}\n${reason}\nSee: runbook show ${incident}`
  const told: Record<string, string> = {}
  for (const channel of to) {
    told[channel] = await notify(channel, text).catch((error: unknown) => {
      if (!lastTry) throw error
      return `not delivered: ${messageOf(error)}`
    })
  }
  await recordEvents(database, incident, [
    { place, actor: 'engine', kind: 'escalation', data: { to, message, reason, told } },
  ])
}
