import type { StoredEvent, StoredEventOf } from '../../core/events.ts'
import { isRunbookError, messageOf } from '../../core/errors.ts'
import type { Json } from '../../core/json.ts'
import { readEvents } from '../../history/incidents.ts'
import type { ChainFault } from '../../history/chain.ts'
import type { Queryable } from '../../history/database.ts'

/** The events of one incident, and `fault`, which reports a row that differs from them. */
export interface Recorded {
  incident: string
  events: StoredEvent[]
  fault(what: string, seq?: number): void
}

export async function readRecorded(db: Queryable, incident: string, faults: ChainFault[]): Promise<Recorded> {
  const events = await readEvents(db, incident)
  return { incident, events, fault: (what, seq = 0) => void faults.push({ incident, seq, what }) }
}

/** A row and its event are written in one transaction, but their times are read one after the other, so the times differ slightly. */
const TOLERANCE_MS = 60_000

/** Whether a row's time is close to its event's time, or both are missing. */
export function isNear(time: Date | null, at: string | undefined): boolean {
  if (time === null || at === undefined) return time === null && at === undefined
  return Math.abs(millisecondsOf(time) - Date.parse(at)) <= TOLERANCE_MS
}

/** Whether a row's time is between the times of two events, with the same tolerance. A missing event sets no limit. */
export function isBetween(time: Date, from: string | undefined, to: string): boolean {
  const at = millisecondsOf(time)
  return (from === undefined || at >= Date.parse(from) - TOLERANCE_MS) && at <= Date.parse(to) + TOLERANCE_MS
}

/**
 * Converts a time to a number. The times `infinity` and `-infinity`, which node-pg returns as numbers, become NaN, which is close to no
 * time.
 */
export function millisecondsOf(time: Date | number): number {
  return time instanceof Date ? time.getTime() : NaN
}

/** Names of the columns whose values differ from the expected ones. */
export function differing<Row extends object>(row: Row, expected: { [Name in keyof Row]?: unknown }): string[] {
  const found = new Map<string, unknown>(Object.entries(row))
  return Object.entries(expected)
    .filter(([name, value]) => JSON.stringify(found.get(name)) !== JSON.stringify(value))
    .map(([name]) => name)
}

/** Whether the event has this kind and is about this gate. */
export function isOfGate<K extends 'proposal' | 'decision' | 'withdrawal'>(
  event: StoredEvent,
  kind: K,
  gate: string,
): event is StoredEventOf<K> {
  return event.kind === kind && event.data.gate === gate
}

/** The names of a kind of row in a fault. */
interface RowNames {
  one: string
  many: string
}

/** Compares rows with the events that recorded them. Both are in the order in which they were written. */
export function compareInOrder<Row extends { at: Date }, Event extends StoredEvent>(
  rows: Row[],
  recorded: Event[],
  expected: (event: Event) => { [Name in keyof Row]?: unknown },
  { one, many }: RowNames,
  fault: Recorded['fault'],
): void {
  recorded.forEach((event, i) => {
    const row = rows[i]
    const same = row && differing(row, expected(event)).length === 0
    if (!same || !isNear(row.at, event.at)) fault(`the ${one} differs from its event`, event.seq)
  })
  if (rows.length > recorded.length) fault(`${rows.length - recorded.length} ${many} have no event`)
}

export function personOf(actor: string): string {
  return actor.replace(/^person:/, '')
}

export function orNull(value: Json | undefined): Json {
  return value ?? null
}

/**
 * Runs the check of one row. If a changed row makes the check throw, the error is recorded as a fault, and the other rows are still
 * checked.
 */
export async function guarded(
  fault: (what: string) => void,
  what: string,
  check: () => void | Promise<void>,
): Promise<void> {
  try {
    await check()
  } catch (error) {
    // An error of the database or the engine is not caused by the row, so it is not recorded as a fault of the history.
    if (isRunbookError(error) || typeof (error as { code?: unknown }).code === 'string') throw error
    fault(`${what} cannot be checked: ${messageOf(error)}`)
  }
}
