import { channelsFor, whyUnreachable } from '../../config/channels.ts'
import type { Config } from '../../config/config.ts'
import type { ParsedEvent } from '../../core/events.ts'
import { isRunbookError } from '../../core/errors.ts'
import type { MessageEvent } from '../../core/message.ts'
import { placesInRounds } from '../../core/place.ts'
import type { Plan } from '../../core/plan.ts'
import { parseEvent } from '../../core/parse-event.ts'
import type { Queryable } from '../../history/database.ts'
import { channelsTold, type AnnouncedEvent, type Recipients } from '../../history/outbox.ts'
import { readPlan } from '../../history/plans.ts'
import { isApplied, roundOfApplied } from './applied.ts'
import { gateOf } from './stored.ts'

type Settings = Pick<Config, 'channels' | 'groups' | 'people'>

type About = AnnouncedEvent['about']

const NOBODY: Recipients = { to: [] }

/** Which channels get a message about an event of an incident, according to the configuration. */
export async function recipientsOf(config: Settings, db: Queryable, announced: AnnouncedEvent): Promise<Recipients> {
  const { about, place } = announced
  // Without channels, only the end of an incident of which people should have been notified has a result that is recorded.
  if (Object.keys(config.channels).length === 0 && !(place === 'closed' && isForPeople(about.outcome))) return NOBODY
  const recipients = await recipientsAt(config, db, announced)
  if (recipients === 'not yet') return recipients
  const editing = Object.keys(config.channels).filter((name) => config.channels[name]?.kind === 'slackApp')
  if (editing.length === 0) return recipients
  const quiet = (await channelsTold(db, about.id)).filter((name) => editing.includes(name))
  return { ...recipients, quiet }
}

function isForPeople(outcome: About['outcome']): outcome is 'failed' | 'escalated' {
  return outcome === 'failed' || outcome === 'escalated'
}

async function recipientsAt(
  config: Settings,
  db: Queryable,
  { about, place, body }: AnnouncedEvent,
): Promise<Recipients> {
  const round = roundOfApplied(place)
  if (round !== undefined) {
    if (about.closedAt !== null) return NOBODY
    return (await isApplied(db, about, round)) ? told(config, db, about, 'applied') : 'not yet'
  }
  return body === null ? NOBODY : recipientsOfEvent(config, db, about, parseEvent(body))
}

async function recipientsOfEvent(
  config: Settings,
  db: Queryable,
  incident: About,
  event: ParsedEvent,
): Promise<Recipients> {
  switch (event.kind) {
    case 'opened':
      return { to: channelsWith(config, 'opened', groupsOf(await planOf(db, incident))) }
    case 'proposal': {
      const approval = (await gateOf(db, event.data.gate))?.proposal.approval
      return !approval || approval.auto ? NOBODY : { to: channelsWith(config, 'gate', approval.by) }
    }
    case 'decision':
    case 'withdrawal':
      return told(config, db, incident, 'decided')
    case 'gate':
      // If a gate ends together with its incident, the message about the incident's end mentions the gate.
      return event.data.state === 'open' || incident.closedAt ? NOBODY : told(config, db, incident, 'decided')
    case 'verified':
      return told(config, db, incident, 'verified')
    case 'reminder':
      return { to: channelsWith(config, 'reminder', notNotified(event.data)) }
    case 'escalation':
    case 'announcement':
      return { to: channelsWith(config, 'escalated', notNotified(event.data)) }
    case 'closed':
      return recipientsOfEnd(config, db, incident)
    default:
      return NOBODY
  }
}

/**
 * The channels that get the message about an incident's end: those that know the incident, the channel of the person who opened it, and
 * `escalate.to` if nobody was notified of the failure or escalation before. Nobody was notified if the workflow ended early or never
 * started, or if somebody with access to Temporal answered in place of the activity that notifies.
 */
async function recipientsOfEnd(config: Settings, db: Queryable, incident: About): Promise<Recipients> {
  const { outcome, requester } = incident
  const person = requester.startsWith('person:') ? config.people[requester.slice('person:'.length)] : undefined
  const requesters = (person?.channels ?? []).flatMap((name) => channelsFor(config, name))
  const know = await told(config, db, incident, 'closed')
  const pagers = know.all.filter((name) => config.channels[name]?.kind === 'pagerduty')
  if (!isForPeople(outcome)) return { to: unique([...know.to, ...pagers, ...requesters]) }
  const before = await readEscalations(db, incident.id)
  if (before.length > 0) {
    const notified = before.flatMap((to) => channelsWith(config, 'escalated', to))
    return { to: unique([...know.to, ...requesters]).filter((name) => !notified.includes(name)) }
  }
  const groups = (await planOf(db, incident))?.escalate.to ?? []
  const to = unique([...channelsWith(config, outcome, groups), ...know.to, ...requesters])
  return { to, unreachable: groups.flatMap((name) => unreachable(config, name)) }
}

function unreachable(config: Settings, name: string): { name: string; why: string }[] {
  const why = whyUnreachable(config, name)
  return why === undefined ? [] : [{ name, why }]
}

/** The channels that got an earlier message about the incident and that want such events. */
async function told(
  config: Settings,
  db: Queryable,
  { id }: About,
  event: MessageEvent,
): Promise<{ to: string[]; all: string[] }> {
  const all = await channelsTold(db, id)
  return { all, to: all.filter((name) => wants(config, name, event)) }
}

/** The channels of these groups that want such events. */
function channelsWith(config: Settings, event: MessageEvent, groups: string[]): string[] {
  return unique(groups.flatMap((name) => channelsFor(config, name))).filter((name) => wants(config, name, event))
}

function wants({ channels }: Settings, name: string, event: MessageEvent): boolean {
  return Object.hasOwn(channels, name) && channels[name]!.events.includes(event)
}

/** Versions before the outbox sent the message before they recorded the event; `notified` then holds the results. */
function notNotified({ to, notified }: { to: string[]; notified: Record<string, string> }): string[] {
  return to.filter((name) => !Object.hasOwn(notified, name))
}

/** Everybody who approves remedies of this plan or is notified of its escalations. */
function groupsOf(plan: Plan | undefined): string[] {
  const approvers = Object.values(plan?.remedies ?? {}).flatMap(({ approval }) => (approval.auto ? [] : approval.by))
  return unique([...approvers, ...(plan?.escalate.to ?? [])])
}

/** Undefined if the stored plan was changed or removed. */
async function planOf(db: Queryable, { planDigest }: About): Promise<Plan | undefined> {
  try {
    return await readPlan(db, planDigest)
  } catch (error) {
    if (isRunbookError(error, 'RUNBOOK_REFUSED') || isRunbookError(error, 'RUNBOOK_NOT_FOUND')) return undefined
    throw error
  }
}

/** Who was notified of each escalation that ended a round. */
async function readEscalations(db: Queryable, incident: string): Promise<string[][]> {
  const found = await db.query<{ body: string }>(
    'SELECT body FROM runbook.events WHERE incident = $1 AND place = ANY ($2)',
    [incident, placesInRounds('escalation')],
  )
  return found.rows.map(({ body }) => {
    const event = parseEvent(body)
    return event.kind === 'escalation' ? event.data.to : []
  })
}

function unique(names: string[]): string[] {
  return [...new Set(names)]
}
