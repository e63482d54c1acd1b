import { parsePlace } from './place.ts'

/** A name for the message about the event at a place, such as "the end of the incident". */
export function messageName(place: string): string {
  if (/^r[1-9]\d*\/applied$/.test(place)) return 'what was applied'
  const kind = parsePlace(place)?.kind
  return (kind !== undefined && NAMES[kind]) || place
}

const NAMES: Partial<Record<NonNullable<ReturnType<typeof parsePlace>>['kind'], string>> = {
  opened: 'the new incident',
  proposal: 'the proposal',
  decision: 'a decision',
  withdrawal: 'a withdrawn decision',
  'gate-state': 'the end of the gate',
  'gate-unanswered': 'the gate without a decision',
  reminder: 'the waiting gate',
  'broken-glass': 'the break-glass approval',
  verified: 'the verification',
  escalation: 'the escalation',
  closed: 'the end of the incident',
}
