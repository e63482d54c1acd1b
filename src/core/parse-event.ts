import { GATE_STATES } from './decision.ts'
import type { EffectResult } from './effect.ts'
import type { EventBody, EventData, EventKind, Notification, ParsedEvent, UnreadableEvent } from './events.ts'
import { HELPED } from './follow-up.ts'
import { OUTCOMES, type Finding } from './incident.ts'
import {
  byName,
  flag,
  listOf,
  nullOr,
  number,
  object,
  objectOf,
  oneOf,
  optional,
  text,
  texts,
  type Fields,
} from './guards.ts'
import { isJsonObject, type JsonObject } from './json.ts'
import { readStoredObject } from './stored-json.ts'

const MAX_SHOWN_BODY = 1_000

/** Parses the text of a stored body. Never throws. */
export function parseEvent(body: string): ParsedEvent {
  const event = readStoredObject(body)
  if (!event || !isJsonObject(event.data))
    return {
      actor: 'unknown',
      place: event ? placeOf(event) : null,
      kind: 'unreadable',
      recordedKind: 'unreadable',
      reason: 'not an event',
      data: { body: body.slice(0, MAX_SHOWN_BODY) },
    }
  return {
    actor: String(event.actor),
    place: placeOf(event),
    ...readEventBody(String(event.kind), event.data),
  }
}

/** Checks that data has the fields that its kind needs. */
export function readEventBody(kind: string, data: JsonObject): EventBody | UnreadableEvent {
  if (!isEventKind(kind)) return { kind: 'unreadable', recordedKind: kind, reason: 'unknown kind', data }
  return objectOf(FIELDS[kind] as Fields<unknown>)(data)
    ? ({ kind, data } as EventBody)
    : { kind: 'unreadable', recordedKind: kind, reason: 'malformed', data }
}

function isEventKind(kind: string): kind is EventKind {
  return Object.hasOwn(FIELDS, kind)
}

function placeOf({ place }: JsonObject): string | null {
  return typeof place === 'string' ? place : null
}

const holds = oneOf<Finding['holds']>(true, false, 'undetermined')
const findings = listOf(
  objectOf<Pick<Finding, 'cause' | 'title' | 'because' | 'holds'>>({ cause: text, title: text, because: text, holds }),
)
const gateState = oneOf(...GATE_STATES)
const result = oneOf<EffectResult>('applied', 'skipped', 'refused', 'unknown')
const notification: Fields<Notification> = { to: texts, message: text, reason: text, notified: byName }
const successor = { incident: text, created: flag }

const FIELDS: { [K in EventKind]: Fields<EventData[K]> } = {
  alert: {
    source: text,
    fingerprint: text,
    status: oneOf('firing', 'resolved'),
    labels: byName,
    url: nullOr(text),
    startsAt: nullOr(text),
  },
  opened: { type: text, runbook: text, planDigest: text, key: text, inputs: object, parent: optional(text) },
  check: {
    name: text,
    check: text,
    status: oneOf('ok', 'failed', 'timeout'),
    ref: text,
    truncated: flag,
    asked: text,
    startedAt: text,
    durationMs: number,
    rows: optional(number),
    error: optional(text),
  },
  findings: { round: number, findings },
  proposal: {
    gate: text,
    remedy: text,
    title: text,
    cause: text,
    proposalDigest: text,
    targets: texts,
    affected: number,
    auto: flag,
    withinMs: number,
    expiresAt: text,
  },
  decision: {
    gate: text,
    decision: oneOf('approve', 'reject'),
    person: text,
    proposalDigest: text,
    jti: text,
    targets: nullOr(texts),
    comment: optional(text),
    breakGlass: optional(text),
    groups: optional(texts),
    nextCause: optional(oneOf(true)),
    passkey: optional(text),
  },
  withdrawal: { gate: text, jti: text, person: text, state: gateState, why: optional(text), comment: optional(text) },
  denied: {
    gate: text,
    decision: optional(oneOf('approve', 'reject', 'withdraw', 'settle')),
    code: text,
    why: text,
    refused: optional(number),
  },
  gate: { gate: text, state: gateState, why: text },
  recheck: { round: number, holds, because: text, targets: texts, skipped: byName },
  unreachable: { connection: text, why: text, stage: text, until: text },
  waited: { connection: text, tookMs: number, answered: flag },
  waiting: { round: number, action: text, until: text, withinMs: number },
  manual: { gate: text, action: text, target: text, until: text },
  stopped: { round: number, reason: text },
  again: { round: number, look: number, why: text, inMs: number },
  unexpected: { action: text, target: text, detail: text },
  permit: { gate: text, target: text, lease: text, fence: number },
  effect: { gate: text, action: text, target: text, result, detail: text, observed: optional(object) },
  settled: {
    gate: text,
    action: text,
    target: text,
    result,
    detail: text,
    comment: text,
    observed: optional(object),
  },
  verified: {
    round: number,
    remedy: text,
    held: flag,
    detail: text,
    tookMs: number,
    targets: texts,
    unseen: optional(oneOf(true)),
  },
  escalation: notification,
  reminder: notification,
  announcement: notification,
  delivery: { of: text, channel: text, result: text, tookMs: number },
  acknowledged: {},
  claimed: {},
  cancel: { comment: optional(text) },
  note: { body: text, about: optional(number) },
  'follow-up': { number, body: text, owner: text, due: nullOr(text) },
  'follow-up-closed': { number, result: text },
  feedback: { helped: oneOf(...HELPED), comment: optional(text) },
  control: { control: text, on: flag, person: text, reason: text },
  retried: successor,
  undo: successor,
  closed: {
    outcome: oneOf(...OUTCOMES),
    reason: text,
  },
}
