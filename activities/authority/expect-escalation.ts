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
 * Refuses to notify others than the plan names, and to notify fewer: a notification without a recipient, recorded at the place of an
 * escalation, would keep the real one from being sent. Refuses other places too: the first event at a place is kept, so a notification that
 * is recorded at the place of an effect or a re-check would keep that from being recorded.
 */
export function expectEscalation({ incident, plan }: Authority, { place, kind = 'escalation', to }: Escalation): void {
  const parsed = parsePlace(place)
  if (!parsed || NOTIFICATIONS[parsed.kind] !== kind) refuse(incident, `${place} is no place for this notification`)
  const expected =
    parsed?.kind === 'reminder'
      ? Object.values(plan.remedies).map((remedy) => remindedGroups(remedy, plan.escalate.to, parsed.escalated))
      : [plan.escalate.to]
  if (!expected.some((groups) => isSameJson([...groups].sort(), [...to].sort())))
    refuse(incident, `the plan does not notify ${to.join(', ') || 'nobody'} at ${place}`)
}
