import type { Outcome } from './incident.ts'

/**
 * What a message to people can be about. `gate`: a proposal waits for a decision. `decided`: somebody decided, or the
 * gate ended without a decision.
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

/** What a channel gets unless the configuration names its events. */
export const DEFAULT_EVENTS: readonly MessageEvent[] = MESSAGE_EVENTS.filter(
  (event) => event !== 'opened' && event !== 'applied',
)

/** A message to people, in the form that every kind of channel turns into its own. */
export interface Message {
  /** The same each time when the message is sent again, so that the receiver can recognise a repetition. */
  id: string
  /** The same for all messages about one incident, and different in every other installation. */
  thread: string
  /** `note`: the text of an action `notify`. */
  event: MessageEvent | 'note'
  /** Absent for a note. */
  incident?: string
  title: string
  /** Further lines below the title. */
  lines: string[]
  /** The address of the incident's page. Absent if the configuration has no `url`. */
  link?: string
  severity: 'info' | 'warning' | 'critical'
  /** How the incident ended. Present in the last message about it. */
  outcome?: Outcome
}

/** The whole message as text. */
export function messageText({ title, lines, link }: Pick<Message, 'title' | 'lines' | 'link'>): string {
  return [title, ...lines, ...(link === undefined ? [] : [link])].join('\n')
}
