import { defined } from '../core/defined.ts'
import { RunbookError } from '../core/errors.ts'
import type { EventBody } from '../core/events.ts'
import type { Person } from '../core/person.ts'
import { formatPlace } from '../core/place.ts'
import { isStorable, NOT_STORABLE } from '../core/storable.ts'
import { transaction, type Connection } from '../history/database.ts'
import { readEvents } from '../history/incidents.ts'
import { recordEvents } from '../history/record.ts'
import { lockIncident } from '../gate/gates.ts'
import { overLimit, type LimitedAction } from '../gate/tallies.ts'
import { wakeIncident } from './incident-workflow.ts'
import type { Engine } from './engine.ts'
import { MAX_NOTE_LENGTH } from './requests.ts'

/** Marks the incident as seen. The first acknowledgement is kept. */
export async function acknowledge(engine: Engine, person: Person, incident: string): Promise<void> {
  const event = { place: formatPlace({ kind: 'acknowledged' }), kind: 'acknowledged' as const, data: {} }
  await act(engine, person, incident, event, (connection) =>
    connection.query(
      `UPDATE runbook.incidents SET acknowledged_at = clock_timestamp(), acknowledged_by = $2 WHERE id = $1 AND acknowledged_at IS NULL`,
      [incident, person.name],
    ),
  )
}

/** Marks the person as responsible for the incident. The latest claim is kept. */
export async function claim(engine: Engine, person: Person, incident: string): Promise<void> {
  await act(engine, person, incident, { kind: 'claimed', data: {} }, async (connection) => {
    await requireBelowLimit(connection, engine, incident, person, 'claims')
    await connection.query('UPDATE runbook.incidents SET claimed_by = $2 WHERE id = $1', [incident, person.name])
  })
}

/**
 * Adds a note to the incident's history, even after it was closed. `about`: the number of the event that the note is about. Throws
 * `RUNBOOK_NOT_FOUND`, `RUNBOOK_BAD_INPUT`.
 */
export async function addNote(
  engine: Engine,
  person: Person,
  incident: string,
  text: string,
  about?: number,
): Promise<void> {
  const body = text.trim()
  if (body === '' || body.length > MAX_NOTE_LENGTH || !isStorable(body))
    throw new RunbookError(
      'RUNBOOK_BAD_INPUT',
      `a note must have 1 to ${MAX_NOTE_LENGTH} characters and ${NOT_STORABLE}`,
    )
  await transaction(engine.database, async (connection) => {
    await lockIncident(connection, incident)
    await requireBelowLimit(connection, engine, incident, person, 'notes')
    if (about !== undefined && (await readEvents(connection, incident, about - 1, 1))[0]?.seq !== about)
      throw new RunbookError('RUNBOOK_BAD_INPUT', `${incident} has no event ${about} that a note could be about`)
    await connection.query('INSERT INTO runbook.notes (incident, person, body, about) VALUES ($1, $2, $3, $4)', [
      incident,
      person.name,
      body,
      about ?? null,
    ])
    const data = defined({ body, about })
    await recordEvents(connection, incident, [{ actor: `person:${person.name}`, kind: 'note', data }])
  })
}

/**
 * Marks the incident as cancelled and wakes its workflow. At a gate the workflow ends the incident at once; while a remedy is applied,
 * before the next target. Applied effects are kept.
 */
export async function cancelIncident(
  engine: Engine,
  person: Person,
  incident: string,
  comment?: string,
): Promise<void> {
  const data = comment ? { comment } : {}
  await act(engine, person, incident, { place: formatPlace({ kind: 'cancel' }), kind: 'cancel', data }, (connection) =>
    connection.query(
      `UPDATE runbook.incidents SET cancelled_at = clock_timestamp(), cancelled_by = $2 WHERE id = $1 AND cancelled_at IS NULL`,
      [incident, person.name],
    ),
  )
  // If the signal is lost, the reconciler sends it again.
  await wakeIncident(engine, incident).catch(() => {})
}

/** Counts the action. Throws `RUNBOOK_TOO_MANY_REQUESTS` if the person has done it too often on this incident. */
export async function requireBelowLimit(
  connection: Connection,
  { config }: Pick<Engine, 'config'>,
  incident: string,
  { name }: Person,
  what: LimitedAction,
): Promise<void> {
  const refused = await overLimit(connection, incident, name, what, config.limits.perIncident)
  if (refused) throw refused
}

async function act(
  engine: Engine,
  person: Person,
  incident: string,
  event: { place?: string } & EventBody<'acknowledged' | 'claimed' | 'cancel'>,
  write: (connection: Connection) => Promise<unknown>,
): Promise<void> {
  await transaction(engine.database, async (connection) => {
    const { closed } = await lockIncident(connection, incident)
    if (closed) throw new RunbookError('RUNBOOK_CONFLICT', `${incident} is closed; you can still add a note`)
    await write(connection)
    await recordEvents(connection, incident, [{ actor: `person:${person.name}`, ...event }])
  })
}
