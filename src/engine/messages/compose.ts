import type { Config } from '../../config/config.ts'
import { scrubSecrets } from '../../config/secret.ts'
import { sha256Hex } from '../../core/canonical.ts'
import { defined } from '../../core/defined.ts'
import { visibleLine, visibleLines } from '../../core/displayable.ts'
import type { ParsedEvent } from '../../core/events.ts'
import type { Message } from '../../core/message.ts'
import { ALL_TARGETS, type Proposal } from '../../core/proposal.ts'
import { isWidenedNext, readStateNow, whyInState, type GateRow } from '../../gate/gates.ts'
import { gateId } from '../../core/incident.ts'
import { parsePlace } from '../../core/place.ts'
import type { Database } from '../../history/database.ts'
import { engineId } from '../../history/engine-id.ts'
import { readIncident, type IncidentRow } from '../../history/incidents.ts'
import type { Announced } from '../../history/outbox.ts'
import { countEffects, roundOfApplied } from './applied.ts'
import { gateOf, readEventAt } from './stored.ts'

/** The message, or the reason why it is no longer sent. */
export type Composed = { message: Message } | { obsolete: string }

type Text = Pick<Message, 'event' | 'severity'> & { title: string; lines: string[] } & Pick<Message, 'outcome'>

const MAX_TITLE_LENGTH = 400
const SHOWN_TARGETS = 10

/** Composes the message about an event from what is stored now. */
export async function composeMessage(
  { database, config }: { database: Database; config: Pick<Config, 'url'> },
  { incident: id, place }: Announced,
): Promise<Composed> {
  const incident = await readIncident(database, id)
  const text = await textOf(database, incident, place)
  if ('obsolete' in text) return text
  const thread = `${id}@${await engineId(database)}`
  const link = config.url === undefined ? undefined : `${config.url}/incidents/${id}`
  const lines = text.lines.map((line) => scrubSecrets(visibleLines(line))).filter((line) => line !== '')
  const message: Message = {
    ...text,
    id: `msg_${sha256Hex(`${thread}/${place}`).slice(0, 32)}`,
    thread,
    incident: id,
    title: scrubSecrets(visibleLine(`${id}: ${text.title}`))
      .slice(0, MAX_TITLE_LENGTH)
      .toWellFormed(),
    lines: link === undefined ? [...lines, `See: runbook show ${id}`] : lines,
    ...defined({ link }),
  }
  return { message }
}

async function textOf(database: Database, incident: IncidentRow, place: string): Promise<Text | { obsolete: string }> {
  const round = roundOfApplied(place)
  if (round !== undefined) {
    const counts = await countEffects(database, incident.id, round)
    const gate = await gateOf(database, gateId(incident.id, round))
    return { event: 'applied', severity: 'info', title: `applied: ${gate?.proposal.title ?? ''}`, lines: [counts] }
  }
  const event = await readEventAt(database, incident.id, place)
  return event
    ? textOfEvent(database, incident, event, place)
    : { obsolete: 'the event of this message is no longer in the history' }
}

async function textOfEvent(
  database: Database,
  incident: IncidentRow,
  event: ParsedEvent,
  place: string,
): Promise<Text | { obsolete: string }> {
  switch (event.kind) {
    case 'opened':
      return info('opened', `opened: ${event.data.type}`, [`key: ${event.data.key}`, `opened by ${event.actor}`])
    case 'proposal':
      return gateText(await gateOf(database, event.data.gate))
    case 'decision':
      return decisionText(event.data, await gateOf(database, event.data.gate))
    case 'withdrawal': {
      const { person, gate, comment = '' } = event.data
      return info('decided', `${person} withdrew a decision on ${gate}`, [comment])
    }
    case 'gate':
      return info('decided', `${event.data.gate} is ${event.data.state}`, [event.data.why])
    case 'verified': {
      const { held, unseen, remedy, detail } = event.data
      if (unseen) return info('verified', `${remedy} has no verification`, [])
      return held
        ? info('verified', `verified: ${remedy}`, [detail])
        : { event: 'verified', severity: 'warning', title: `not verified: ${remedy}`, lines: [detail] }
    }
    case 'reminder':
    case 'escalation':
    case 'announcement': {
      const { message: title, reason } = event.data
      const over = await gateIsOver(database, incident.id, place)
      if (over !== undefined) return { obsolete: over }
      return event.kind === 'reminder'
        ? { event: 'reminder', severity: 'warning', title, lines: [reason] }
        : { event: 'escalated', severity: 'critical', title, lines: [reason] }
    }
    case 'closed':
      return endText(event.data.outcome, event.data.reason)
    default:
      return { obsolete: 'the event of this message cannot be read' }
  }
}

function info(event: Text['event'], title: string, lines: string[]): Text {
  return { event, severity: 'info', title, lines }
}

function endText(outcome: NonNullable<IncidentRow['outcome']>, reason: string): Text {
  const text = { title: `closed: ${outcome}`, lines: [reason], outcome }
  return outcome === 'failed' || outcome === 'escalated'
    ? { ...text, event: outcome, severity: 'critical' }
    : { ...text, event: 'closed', severity: 'info' }
}

function gateText(gate: GateRow | undefined): Text | { obsolete: string } {
  if (gate === undefined) return { obsolete: 'the proposal cannot be read' }
  const { proposal, stateNow } = gate
  // A gate whose time is over, and that more groups are asked about next, still waits for the people whom this message is for.
  const isWaiting = stateNow === 'open' || (stateNow === 'overdue' && isWidenedNext(gate))
  if (!isWaiting) return { obsolete: `the gate is ${stateNow} by now` }
  const until = `until ${gate.expiresAt.toISOString().slice(0, 16).replace('T', ' ')} UTC, by ${proposal.approval.by.join(', ')}`
  return {
    event: 'gate',
    severity: 'warning',
    title: `needs a decision: ${proposal.title}`,
    lines: [
      `${proposal.cause}: ${proposal.because}`,
      ...proposalLines(proposal),
      stateNow === 'open' ? until : (whyInState(gate) ?? ''),
    ],
  }
}

/** A short text that says what would be done. */
export function proposalLines({ risk, targets, affected, actions }: Proposal): string[] {
  const keys = targets.map(({ key }) => key).filter((key) => key !== ALL_TARGETS)
  const more = keys.length > SHOWN_TARGETS ? ` and ${keys.length - SHOWN_TARGETS} more` : ''
  const of = affected > targets.length ? ` of ${affected}` : ''
  const shown =
    keys.length === 0 ? [] : [`${keys.length}${of} targets: ${keys.slice(0, SHOWN_TARGETS).join(', ')}${more}`]
  const kinds = [...new Set(actions.map(({ kind }) => kind))].join(', ')
  return [`risk ${risk}; ${kinds}`, ...shown]
}

function decisionText(
  {
    person,
    decision,
    nextCause,
    comment = '',
    breakGlass,
    gate: id,
  }: Extract<ParsedEvent, { kind: 'decision' }>['data'],
  gate: GateRow | undefined,
): Text {
  const verb = decision === 'approve' ? 'approved' : 'rejected'
  const what = gate?.proposal.title ?? id
  const alone = breakGlass === undefined ? [] : [`alone (break-glass): ${breakGlass}`]
  const next = nextCause ? ['The next cause that holds is treated.'] : []
  return info('decided', `${person} ${verb}: ${what}`, [comment, ...alone, ...next])
}

/**
 * The reason why a message about a waiting gate is no longer sent; undefined if it is still sent, and for other messages. If nobody
 * decided, the groups and channels that the gate was escalated to still get the message.
 */
async function gateIsOver(database: Database, incident: string, place: string): Promise<string | undefined> {
  const parsed = parsePlace(place)
  if (parsed?.kind !== 'reminder' && parsed?.kind !== 'gate-unanswered') return undefined
  const state = await readStateNow(database, gateId(incident, parsed.round))
  const isUnanswered = state === 'expired' || state === 'overdue'
  const isNews = state === 'open' || (isUnanswered && parsed.kind === 'gate-unanswered')
  return isNews ? undefined : `the gate is ${state ?? 'missing'} by now`
}
