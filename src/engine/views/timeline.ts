import { visibleLine } from '../../core/displayable.ts'
import { humanDuration } from '../../core/duration.ts'
import {
  NOT_DELIVERED_YET,
  type EventBody,
  type EventData,
  type EventKind,
  type StoredEvent,
} from '../../core/events.ts'
import type { Finding } from '../../core/incident.ts'
import { messageName } from '../../core/message-name.ts'
import { cutText } from '../../core/storable.ts'
import { parseCheckPlace, type CheckStage } from '../../core/place.ts'
import type { TimelineEntry } from './view-types.ts'

/** An event as one sentence, for `watch` and `review`. */
export function timelineEntry(event: StoredEvent): TimelineEntry {
  const { seq, at, actor, place, data } = event
  const kind = event.kind === 'unreadable' ? event.recordedKind : event.kind
  return { seq, at, actor, kind, place, text: oneLine(sentence(event)), data }
}

const MAX_SENTENCE_LENGTH = 1_000

/**
 * The text on one line of limited length. Event data comes from diagnosed systems and may hold line breaks or long
 * texts.
 */
function oneLine(line: string): string {
  const visible = visibleLine(line)
  return visible.length > MAX_SENTENCE_LENGTH ? `${cutText(visible, MAX_SENTENCE_LENGTH)}…` : visible
}

function sentence(event: StoredEvent): string {
  // An event that this version cannot read was written by a newer version or changed by somebody. Its stored text is
  // shown unchanged.
  if (event.kind !== 'unreadable') return sentenceOf(event)
  const stored = `${event.recordedKind} ${JSON.stringify(event.data)}`
  return event.reason === 'unknown kind' ? stored : `this event cannot be read; its stored text is: ${stored}`
}

function sentenceOf<K extends EventKind>({ kind, data, ...about }: EventBody<K> & About): string {
  return SENTENCES[kind](data, { ...about, who: about.actor.replace(/^person:/, '') })
}

type About = Pick<StoredEvent, 'actor' | 'place'>

type Sentences = { [K in EventKind]: (data: EventData[K], about: About & { who: string }) => string }

const SENTENCES: Sentences = {
  alert: ({ source, status, labels, fingerprint }) =>
    `${source}: the alert ${labels.alertname ?? fingerprint} ${status === 'firing' ? 'fires' : 'is resolved'}${labelsText(labels)}`,
  opened: ({ type, runbook }, { who }) => `${who} opened the incident (${type}, runbook ${runbook})`,
  check: (data, { place }) => `${stagePrefix(place)}${data.name} (${data.check}): ${checkResult(data)}`,
  findings: ({ round, findings }) => `round ${round}: ${findingsText(findings)}`,
  proposal: (data) =>
    `proposed: ${data.title} (${data.remedy}) for ${targetsText(data)}, digest ${data.proposalDigest.slice(0, 12)}${data.auto ? ', needs no approval' : ''}`,
  decision: ({ gate, decision, targets, breakGlass, comment, passkey }, { who }) =>
    `${who} ${decision === 'approve' ? 'approved' : 'rejected'} ${gate}${breakGlass ? ' by break-glass' : ''}${passkey ? ' with a passkey' : ''}${targets ? ` for ${targets.join(', ')}` : ''}${breakGlass ? `, reason: ${breakGlass}` : ''}${withComment(comment)}`,
  withdrawal: ({ gate, state, comment }, { who }) =>
    `${who} withdrew the decision on ${gate}, which is now ${state}${withComment(comment)}`,
  settled: ({ action, target, result, comment }, { who }) =>
    `${who} settled ${action} on ${target} as ${result}: ${comment}`,
  retried: ({ incident, created }, { who }) =>
    `${who} ${created ? 'opened' : 'joined'} ${incident} to retry this incident`,
  undo: ({ incident, created }, { who }) =>
    `${who} ${created ? 'opened' : 'joined'} ${incident} to undo the effects of this incident`,
  denied: ({ gate, decision, why, refused }, { who }) => {
    const counted = refused === undefined ? '' : ` (${refused} refused so far; not all of them are listed)`
    // The reason begins with the id of the gate already if nobody could make this decision.
    const what = why.startsWith(`${gate}: `) ? why : `${gate}: ${why}`
    return decision === undefined
      ? `refused a signed token for ${what}${counted}`
      : `refused: ${who} tried to ${decision} ${what}${counted}`
  },
  gate: ({ gate, state, why }) => `gate ${gate} is ${state}: ${why}`,
  recheck: (data) => `re-checked: ${recheckText(data)}`,
  unreachable: ({ connection, why, until }) => `waits for ${connection}, and gives up at ${until}: ${why}`,
  waited: ({ connection, tookMs, answered }) =>
    answered
      ? `${connection} answers again after ${humanDuration(tookMs)}`
      : `no longer waits for ${connection}, after ${humanDuration(tookMs)}`,
  waiting: ({ until, withinMs }) => `waiting until ${until}, for at most ${humanDuration(withinMs)}`,
  manual: ({ action, target, until }) =>
    `${action} on ${target} waits for a person until ${until}; report it with "runbook done"`,
  stopped: ({ reason }) => `stopped: ${reason}`,
  again: ({ why, inMs }) => `${why}: the checks run again in ${humanDuration(inMs)}, before the incident is escalated`,
  unexpected: ({ action, target, detail }) => `${action} on ${target}: ${detail}`,
  permit: ({ target, lease, fence }) => `permit for ${target} (lease ${lease}, fence ${fence})`,
  effect: ({ action, target, result, detail }) => `${action} on ${target}: ${result}${detail ? `, ${detail}` : ''}`,
  verified: ({ held, remedy, detail, unseen }) =>
    unseen
      ? `not verified: ${remedy} has no verification`
      : `${held ? 'verified' : 'not verified'}: ${remedy}: ${detail}`,
  escalation: (data) => `escalated to ${recipientsText(data)}: ${data.reason}`,
  reminder: (data) => `reminded ${recipientsText(data)}: ${data.message}`,
  announcement: (data) => `announced to ${recipientsText(data)}: ${data.message}`,
  delivery: deliveryText,
  acknowledged: (_, { who }) => `${who} acknowledged the incident`,
  claimed: (_, { who }) => `${who} claimed the incident`,
  note: ({ body, about }, { who }) => `${who}${about === undefined ? '' : `, about event ${about}`}: ${body}`,
  'follow-up': ({ number, body, owner, due }, { who }) =>
    `${who} added follow-up ${number} for ${owner}${due === null ? '' : `, due ${due}`}: ${body}`,
  'follow-up-closed': ({ number, result }, { who }) => `${who} closed follow-up ${number}: ${result}`,
  feedback: ({ helped, comment }, { who }) =>
    `${who} answered whether the runbook helped: ${helped}${withComment(comment)}`,
  cancel: ({ comment }, { who }) => `${who} cancelled the incident${withComment(comment)}`,
  control: ({ control, on, reason }, { who }) =>
    `${who} turned ${control === 'freeze' ? 'the freeze' : control} ${on ? 'on' : 'off'}: ${reason}`,
  closed: ({ outcome, reason }) => `closed: ${outcome}: ${reason}`,
}

const MAX_SHOWN_LABELS = 6

/** The other labels of the alert, after its name: ` (queue=emails, severity=page)`. */
function labelsText(labels: Record<string, string>): string {
  const others = Object.entries(labels).filter(([name]) => name !== 'alertname')
  const shown = others.slice(0, MAX_SHOWN_LABELS).map(([name, value]) => `${name}=${value}`)
  const more = others.length > shown.length ? [`and ${others.length - shown.length} more labels`] : []
  return others.length === 0 ? '' : ` (${[...shown, ...more].join(', ')})`
}

function withComment(comment: string | undefined): string {
  return comment ? `: ${comment}` : ''
}

function deliveryText({ of, channel, result, tookMs }: EventData['delivery']): string {
  const what = `the message about ${messageName(of)}`
  if (result.startsWith('notified')) return `${channel} got ${what} after ${humanDuration(tookMs)}`
  const why = result.replace(/^not (?:delivered|sent): /, '')
  return result.startsWith('not sent')
    ? `${what} was not sent to ${channel}: ${why}`
    : `${channel} did not accept ${what}, which is no longer sent: ${why}`
}

/** The recipients, each with the reason if it was not notified. */
function recipientsText({ to, notified }: EventData['escalation']): string {
  return to
    .map((name) => {
      const result = Object.hasOwn(notified, name) ? notified[name]! : undefined
      if (result === undefined || result.startsWith('notified')) return name
      return result.startsWith(NOT_DELIVERED_YET)
        ? `${name} (not notified yet: ${result.slice(NOT_DELIVERED_YET.length)}; the message is sent again)`
        : `${name} (not notified: ${result})`
    })
    .join(', ')
}

const STAGES: Record<CheckStage['at'], string> = {
  diagnose: '',
  recheck: 're-check: ',
  wait: 'while waiting: ',
  verify: 'verification: ',
  after: 'after the remedy: ',
}

function stagePrefix(place: string | null): string {
  const stage = place === null ? undefined : parseCheckPlace(place)?.stage
  return stage ? STAGES[stage.at] : ''
}

function checkResult({ status, durationMs, rows, truncated, error }: EventData['check']): string {
  const duration = humanDuration(durationMs)
  if (status !== 'ok') return `${status === 'timeout' ? 'timed out' : 'failed'} after ${duration}: ${error ?? ''}`
  return rows === undefined
    ? duration
    : `${rows} row${rows === 1 ? '' : 's'}${truncated ? ' (truncated)' : ''}, ${duration}`
}

function findingsText(findings: Finding[]): string {
  const holding = findings.filter((one) => one.holds === true)
  const undetermined = findings.filter((one) => one.holds === 'undetermined').map((one) => one.cause)
  const held =
    holding.length > 0 ? `${holding.map((one) => `${one.cause} holds (${one.because})`).join('; ')}` : 'no cause holds'
  return undetermined.length > 0 ? `${held}; undetermined: ${undetermined.join(', ')}` : held
}

function targetsText({ targets, affected }: EventData['proposal']): string {
  const of = affected > targets.length ? ` (${targets.length} of ${affected})` : ''
  if (targets.length === 1 && targets[0] === '-') return 'its one target'
  return `${targets.length > 5 ? `${targets.slice(0, 5).join(', ')} and ${targets.length - 5} more` : targets.join(', ')}${of}`
}

function recheckText({ targets, skipped }: EventData['recheck']): string {
  const reasons = Object.entries(skipped).map(([key, why]) => `${key} skipped (${why})`)
  const one = targets.length === 1
  return [`${targets.length} target${one ? '' : 's'} still qualif${one ? 'ies' : 'y'}`, ...reasons].join('; ')
}
