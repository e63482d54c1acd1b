import type { GateState } from './decision.ts'
import type { EffectResult } from './effect.ts'
import type { Finding, Outcome } from './incident.ts'
import type { Helped } from './follow-up.ts'
import type { JsonObject } from './json.ts'

/** The data of each kind of event in an incident's history. */
export type EventData = {
  /** An alert of a monitoring system joined the incident, or stopped firing. */
  alert: {
    source: string
    fingerprint: string
    status: 'firing' | 'resolved'
    labels: Record<string, string>
    url: string | null
    startsAt: string | null
  }
  opened: { type: string; runbook: string; planDigest: string; key: string; inputs: JsonObject; parent?: string }
  check: {
    name: string
    /** The check's kind, such as `sql.query`. */
    check: string
    status: 'ok' | 'failed' | 'timeout'
    /** The digest of the stored evidence, which is also its key. */
    ref: string
    truncated: boolean
    /** The digest of the check's parameters. */
    asked: string
    startedAt: string
    durationMs: number
    rows?: number
    error?: string
  }
  findings: { round: number; findings: Finding[] }
  proposal: {
    gate: string
    remedy: string
    title: string
    cause: string
    proposalDigest: string
    targets: string[]
    affected: number
    auto: boolean
    withinMs: number
    expiresAt: string
  }
  decision: {
    gate: string
    decision: 'approve' | 'reject'
    person: string
    proposalDigest: string
    jti: string
    /** The targets of the decision; null for all targets. */
    targets: string[] | null
    comment?: string
    breakGlass?: string
    groups?: string[]
    nextCause?: true
    /** The passkey that signed it. */
    passkey?: string
  }
  withdrawal: { gate: string; jti: string; person: string; state: GateState; why?: string; comment?: string }
  denied: {
    gate: string
    /** The person of the refused token. Absent if the token could not be verified. */
    decision?: 'approve' | 'reject' | 'withdraw' | 'settle'
    code: string
    why: string
    /** How often this actor has been refused on the incident so far. Present on the refusals after the first ones, because only some of those are recorded. */
    refused?: number
  }
  /** A gate's state changed without a person's decision. `open` means that the gate was escalated to more people. */
  gate: { gate: string; state: GateState; why: string }
  recheck: {
    round: number
    /** Whether the cause still holds. */
    holds: Finding['holds']
    because: string
    /** Keys of the targets that still qualify. */
    targets: string[]
    /** Why each of the other targets no longer qualifies, by its key. */
    skipped: Record<string, string>
  }
  /** A connection is down, and the incident waits for it until the time `until`. */
  unreachable: { connection: string; why: string; stage: string; until: string }
  /**
   * The wait for a connection is over. `answered` says whether the connection could be used again; if not, the incident
   * continues without it.
   */
  waited: { connection: string; tookMs: number; answered: boolean }
  waiting: { round: number; action: string; until: string; withinMs: number }
  /** A manual step waits for a person until the time `until`. */
  manual: { gate: string; action: string; target: string; until: string }
  stopped: { round: number; reason: string }
  /** No known cause holds: after a pause the checks run again. `look` is the number of this run of the diagnosis. */
  again: { round: number; look: number; why: string; inMs: number }
  /** An action's result did not meet its `expect`. */
  unexpected: { action: string; target: string; detail: string }
  permit: { gate: string; target: string; lease: string; fence: number }
  effect: {
    gate: string
    action: string
    target: string
    result: EffectResult
    detail: string
    observed?: JsonObject
  }
  /** A person found out the result of an effect that was `unknown`. */
  settled: {
    gate: string
    action: string
    target: string
    result: EffectResult
    detail: string
    comment: string
    observed?: JsonObject
  }
  verified: {
    round: number
    remedy: string
    held: boolean
    detail: string
    tookMs: number
    /** The keys of the targets to which the remedy was applied. */
    targets: string[]
    /** Present if the remedy has no verification. */
    unseen?: true
  }
  escalation: Notification
  reminder: Notification
  announcement: Notification
  /**
   * A message that a channel did not accept at first was accepted, or is no longer sent. `of` is the place of the event that the message is
   * about.
   */
  delivery: { of: string; channel: string; result: string; tookMs: number }
  acknowledged: Record<string, never>
  claimed: Record<string, never>
  cancel: { comment?: string }
  /** A note. `about` is the number of the event that the note is about. */
  note: { body: string; about?: number }
  /** Something remains to be done after the incident. `due` is a date such as `2026-03-31`. */
  'follow-up': { number: number; body: string; owner: string; due: string | null }
  'follow-up-closed': { number: number; result: string }
  /** Whether the runbook helped, in the opinion of the person. */
  feedback: { helped: Helped; comment?: string }
  /** A control was turned on or off. `control` is `freeze` or `breaker/<connection>`. */
  control: { control: string; on: boolean; person: string; reason: string }
  /** The new incident that retries this closed one. */
  retried: { incident: string; created: boolean }
  undo: { incident: string; created: boolean }
  closed: { outcome: Outcome; reason: string }
}

/** The beginning of the result for a channel that did not accept the message at first. The message is sent again. */
export const NOT_DELIVERED_YET = 'not delivered yet: '

/** `notified`: the result for each group or channel. */
export type Notification = { to: string[]; message: string; reason: string; notified: Record<string, string> }

export type EventKind = keyof EventData

/** An event's kind with the data of that kind. */
export type EventBody<K extends EventKind = EventKind> = { [P in K]: { kind: P; data: EventData[P] } }[K]

export type NewEvent<K extends EventKind = EventKind> = EventBody<K> & {
  /** The place is unique within the incident. A second event for the same place is not written; the first one is returned. */
  place?: string
  /** Who caused the event: `engine`, `signal`, or `person:<name>`. */
  actor: string
}

/**
 * A stored event whose body this version cannot use: it is not JSON, of a kind that a newer version added, or its data does not have the
 * fields of its kind. Views show its stored text; `runbook audit verify` reports it, except if its kind is new.
 */
export interface UnreadableEvent {
  kind: 'unreadable'
  /** The kind that the body names; `unreadable` if it names none. */
  recordedKind: string
  reason: 'not an event' | 'unknown kind' | 'malformed'
  data: JsonObject
}

/** A stored body after parsing. `place` repeats the place in the event's row; null if the event has no place. */
export type ParsedEvent = { actor: string; place: string | null } & (EventBody | UnreadableEvent)

/** An event of an incident's history, with its number in the chain, its time (ISO 8601, by the database's clock) and its hash. */
export type StoredEvent = ParsedEvent & { seq: number; at: string; hash: string }

/** A stored event of one kind. */
export type StoredEventOf<K extends EventKind> = Extract<StoredEvent, EventBody<K>>
