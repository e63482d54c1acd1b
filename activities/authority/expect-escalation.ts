import { isSameJson } from '../../src/core/canonical.ts'
import { parsePlace } from '../../src/core/place.ts'
import { remindedGroups } from '../../src/interpreter/await-decision.ts'
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
 * Refuses a notification of recipients that the plan does not name, and one that leaves recipients out: a notification without a recipient,
 * recorded at the place of an escalation, would prevent the real one. Refuses other places too, because only the first event at a place is
 * kept: a notification that is recorded at the place of an effect or a re-check would prevent that event from being recorded.
 */
export function expectEscalation({ incident, plan }: Authority, { place, kind = 'escalation', to }: Escalation): void {
  const parsed = parsePlace(place)
  if (!parsed || NOTIFICATIONS[parsed.kind] !== kind) refuse(incident, `${place} is not a place for this notification`)
  const expected =
    parsed?.kind === 'reminder'
      ? Object.values(plan.remedies).map((remedy) => remindedGroups(remedy, plan.escalate.to, parsed.escalated))
      : [plan.escalate.to]
  if (!expected.some((groups) => isSameJson([...groups].sort(), [...to].sort())))
    refuse(incident, `the plan does not notify ${to.join(', ') || 'nobody'} at ${place}`)
}
