import { parsePlace } from '../../src/core/place.ts'
import type { Escalation } from '../../src/interpreter/host.ts'
import type { Authority } from './caller.ts'
import { refuse } from './refuse.ts'

/** The event at each place where people are notified. */
const NOTIFICATIONS: Record<string, Escalation['kind']> = {
  escalation: 'escalation',
  'gate-unanswered': 'escalation',
  reminder: 'reminder',
  'broken-glass': 'announcement',
}

/**
 * Refuses to notify groups or channels that the plan does not name. Refuses other places too: the first event at a place is kept, so a
 * notification that is recorded at the place of an effect or a re-check would keep that from being recorded.
 */
export function expectEscalation({ incident, plan }: Authority, { place, kind = 'escalation', to }: Escalation): void {
  const parsed = parsePlace(place)
  if (!parsed || NOTIFICATIONS[parsed.kind] !== kind) refuse(incident, `${place} is no place for this notification`)
  const approvers = Object.values(plan.remedies).flatMap(({ approval }) => (approval.auto ? [] : approval.by))
  const known = new Set([...plan.escalate.to, ...approvers])
  const unknown = to.find((name) => !known.has(name))
  if (unknown !== undefined) refuse(incident, `the plan does not notify ${unknown}`)
}
