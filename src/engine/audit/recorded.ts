import type { StoredEvent, StoredEventOf } from '../../core/events.ts'
import type { Json, JsonObject } from '../../core/json.ts'
import { readEvents } from '../../history/incidents.ts'
import type { ChainFault } from '../../history/chain.ts'
import type { Queryable } from '../../history/database.ts'

/** What one incident's chain says, and a place for what the rows say otherwise. */
export interface Recorded {
  incident: string
  events: StoredEvent[]
  fault(what: string, seq?: number): void
}

export async function readRecorded(db: Queryable, incident: string, faults: ChainFault[]): Promise<Recorded> {
  const events = await readEvents(db, incident)
  return { incident, events, fault: (what, seq = 0) => void faults.push({ incident, seq, what }) }
}

/** A row's times and those of its event come from one transaction, which takes moments. */
const MOMENTS_MS = 60_000

/** Whether a row's time is about that of its event; both may be missing. */
export function about(time: Date | null, at: string | undefined): boolean {
  if (time === null || at === undefined) return time === null && at === undefined
  return Math.abs(time.getTime() - Date.parse(at)) <= MOMENTS_MS
}

/** Whether a row's time is about between those of two events; an event that is missing bounds nothing. */
export function isBetween(time: Date, from: string | undefined, to: string): boolean {
  const at = time.getTime()
  return (from === undefined || at >= Date.parse(from) - MOMENTS_MS) && at <= Date.parse(to) + MOMENTS_MS
}

/** Names of the columns in which a row is not as it was recorded. */
export function differing(row: Record<string, unknown>, wanted: Record<string, unknown>): string[] {
  return Object.keys(wanted).filter((name) => JSON.stringify(row[name]) !== JSON.stringify(wanted[name]))
}

/** Whether it is an event of this kind about this gate. */
export function isOfGate<K extends 'proposal' | 'decision' | 'withdrawal'>(
  event: StoredEvent,
  kind: K,
  gate: string,
): event is StoredEventOf<K> {
  return event.kind === kind && event.data.gate === gate
}

export function personOf(actor: string): string {
  return actor.replace(/^person:/, '')
}

export function orNull(value: Json | undefined): Json {
  return value ?? null
}

export function objectOf(text: string): JsonObject | undefined {
  try {
    return JSON.parse(text) as JsonObject
  } catch {
    return undefined
  }
}
