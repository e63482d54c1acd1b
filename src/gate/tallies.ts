import { RunbookError } from '../core/errors.ts'
import type { NewEvent } from '../core/events.ts'
import type { Connection } from '../history/database.ts'
import { recordEvents } from '../history/record.ts'

/**
 * How many refusals of one actor on one incident are recorded one by one. After that only the 32nd, the 64th and so on are recorded, with
 * the count.
 */
const REFUSALS_RECORDED = 20

/** The actions of one person on one incident that are limited in number. */
export type LimitedAction =
  'notes' | 'claims' | 'decisions' | 'retries' | 'undo requests' | 'changes of follow-ups' | 'answers'

/** Adds one to the stored count of the actor on the incident and returns the new count. */
async function tally(connection: Connection, incident: string, actor: string, what: string): Promise<number> {
  const counted = await connection.query<{ count: string }>(
    `INSERT INTO runbook.tallies AS t (incident, actor, what, count) VALUES ($1, $2, $3, 1)
     ON CONFLICT (incident, actor, what) DO UPDATE SET count = t.count + 1 RETURNING count`,
    [incident, actor, what],
  )
  return Number(counted.rows[0]!.count)
}

/**
 * Counts an action of a person on an incident, in the transaction that records the action. Returns an error if the person has already done
 * this `most` times. The caller throws the error, which also rolls back the count.
 */
export async function overLimit(
  connection: Connection,
  incident: string,
  person: string,
  what: LimitedAction,
  most: number,
): Promise<RunbookError | undefined> {
  if ((await tally(connection, incident, `person:${person}`, what)) <= most) return undefined
  return new RunbookError(
    'RUNBOOK_TOO_MANY_REQUESTS',
    `${person} has reached the limit of ${most} ${what} on ${incident}; it is "perIncident" under "limits" in runbook.config.yaml. Other people can still do it.`,
  )
}

/**
 * Records a refusal. Repeated refusals are not all recorded, so that somebody who tries thousands of times does not
 * fill the history.
 */
export async function recordRefusal(
  connection: Connection,
  incident: string,
  event: NewEvent<'denied'>,
): Promise<void> {
  const count = await tally(connection, incident, event.actor, 'refusals')
  if (count <= REFUSALS_RECORDED) await recordEvents(connection, incident, [event])
  else if (Number.isInteger(Math.log2(count))) {
    // The event is stored without its place, because an earlier refusal of the same token may have that place.
    const { actor, kind, data } = event
    await recordEvents(connection, incident, [{ actor, kind, data: { ...data, refused: count } }])
  }
}
