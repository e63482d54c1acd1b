import { GATE_STATES } from './decision.ts'
import type { EffectResult } from './effect.ts'
import type { EventBody, EventData, EventKind, Notification, ParsedEvent, UnreadableEvent } from './events.ts'
import { OUTCOMES, type Finding } from './incident.ts'
import { isJsonObject, type Json, type JsonObject } from './json.ts'

const MAX_SHOWN_BODY = 1_000

/** Parses the text of a stored body. Never throws. */
export function parseEvent(body: string): ParsedEvent {
  const event = parseJson(body)
  if (!isJsonObject(event) || !isJsonObject(event.data))
    return {
      actor: 'unknown',
      place: isJsonObject(event) ? placeOf(event) : null,
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
  const fields: Record<string, Guard<unknown>> = FIELDS[kind]
  const fits = Object.entries(fields).every(([name, guard]) =>
    guard(Object.hasOwn(data, name) ? data[name] : undefined),
  )
  return fits ? ({ kind, data } as EventBody) : { kind: 'unreadable', recordedKind: kind, reason: 'malformed', data }
}

function isEventKind(kind: string): kind is EventKind {
  return Object.hasOwn(FIELDS, kind)
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function placeOf({ place }: JsonObject): string | null {
  return typeof place === 'string' ? place : null
}

type Guard<T> = (value: unknown) => value is T
type Fields<T> = { [F in keyof T]-?: Guard<T[F]> }

const text: Guard<string> = (value) => typeof value === 'string'
const number: Guard<number> = (value) => typeof value === 'number'
const flag: Guard<boolean> = (value) => typeof value === 'boolean'
const texts: Guard<string[]> = (value): value is string[] => Array.isArray(value) && value.every(text)
const object: Guard<JsonObject> = (value): value is JsonObject => isJsonObject(value)
const byName: Guard<Record<string, string>> = (value): value is Record<string, string> =>
  isJsonObject(value) && Object.values(value).every(text)

function optional<T>(guard: Guard<T>): Guard<T> {
  return (value): value is T => value === undefined || guard(value)
}

function oneOf<T extends Json>(...values: T[]): Guard<T> {
  return (value): value is T => values.includes(value as T)
}

function nullOr<T>(guard: Guard<T>): Guard<T | null> {
  return (value): value is T | null => value === null || guard(value)
}

const holds = oneOf<Finding['holds']>(true, false, 'undetermined')
const findings: Guard<Finding[]> = (value): value is Finding[] =>
  Array.isArray(value) &&
  value.every((one) => isJsonObject(one) && text(one.cause) && text(one.title) && text(one.because) && holds(one.holds))
const gateState = oneOf(...GATE_STATES)
const result = oneOf<EffectResult>('applied', 'skipped', 'refused', 'unknown')
const notification: Fields<Notification> = { to: texts, message: text, reason: text, notified: byName }
const successor = { incident: text, created: flag }

const FIELDS: { [K in EventKind]: Fields<EventData[K]> } = {
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
  stopped: { round: number, reason: text },
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
  acknowledged: {},
  claimed: {},
  cancel: { comment: optional(text) },
  note: { body: text },
  control: { control: text, on: flag, person: text, reason: text },
  retried: successor,
  undo: successor,
  closed: {
    outcome: oneOf(...OUTCOMES),
    reason: text,
  },
}
