import type { Outcome } from './incident.ts'

/**
 * The subjects of messages to people. `gate`: a proposal waits for a decision. `decided`: somebody decided, or the gate ended without a
 * decision.
 */
export const MESSAGE_EVENTS = [
  'opened',
  'gate',
  'reminder',
  'decided',
  'applied',
  'verified',
  'escalated',
  'failed',
  'closed',
] as const

export type MessageEvent = (typeof MESSAGE_EVENTS)[number]

/** The events that a channel gets if the configuration names none for it. */
export const DEFAULT_EVENTS: readonly MessageEvent[] = MESSAGE_EVENTS.filter(
  (event) => event !== 'opened' && event !== 'applied',
)

/** A message to people. Every kind of channel converts it to its own format. */
export interface Message {
  /** The id of the message. It stays the same when the message is sent again, so that the receiver can recognise the repetition. */
  id: string
  /** The id of the conversation. It is the same for all messages about one incident, and differs between installations. */
  thread: string
  /** What the message is about. `note` is the text of an action `notify`. */
  event: MessageEvent | 'note'
  /** The incident. Absent for a note. */
  incident?: string
  title: string
  /** The lines below the title. */
  lines: string[]
  /** The address of the incident's page. Absent if the configuration has no `url`. */
  link?: string
  severity: 'info' | 'warning' | 'critical'
  /** How the incident ended. Present only in the last message about the incident. */
  outcome?: Outcome
}

/** The whole message as text. */
export function messageText({ title, lines, link }: Pick<Message, 'title' | 'lines' | 'link'>): string {
  return [title, ...lines, ...(link === undefined ? [] : [link])].join('\n')
}
