import type { EventData } from '../core/events.ts'
import { gateId } from '../core/incident.ts'
import { formatPlace } from '../core/place.ts'
import type { Proposal } from '../core/proposal.ts'
import { readStoredObject } from '../core/stored-json.ts'
import { lockName } from '../history/advisory-locks.ts'
import { transaction, type Connection, type Database } from '../history/database.ts'
import { recordEvents } from '../history/record.ts'
import { breakerOf, switchControl } from './controls.ts'
import { readGate } from './gates.ts'

/** After this many consecutive remedies that did not help, the breaker of the connection opens. */
const MAX_CONSECUTIVE_INEFFECTIVE = 3

/** The names of the connections that the actions of a proposal use. */
export function connectionsOf({ actions }: Pick<Proposal, 'actions'>): string[] {
  const names = actions.map((action) => action.with.connection).filter((name) => typeof name === 'string')
  return [...new Set(names)]
}

/**
 * Records whether a gate's remedy helped, at its place. The third consecutive remedy that did not help on a connection opens the
 * connection's breaker: the engine then only proposes, until a person closes the breaker. A verdict recorded twice counts once.
 */
export async function recordVerdict(
  database: Database,
  incident: string,
  data: EventData['verified'],
): Promise<{ at: string }> {
  return transaction(database, async (connection) => {
    const { id: gate, round, proposal } = await readGate(connection, gateId(incident, data.round))
    const place = formatPlace({ kind: 'verified', round })
    const [stored] = await recordEvents(connection, incident, [{ place, actor: 'engine', kind: 'verified', data }])
    if (!stored!.fresh) return { at: stored!.at }
    // A remedy without a verification, such as an undo, gives no verdict.
    if (data.unseen) return { at: stored!.at }
    for (const name of connectionsOf(proposal).sort()) {
      const reason = await reasonToOpen(connection, gate, name, data.held)
      const change = { control: breakerOf(name), on: true, person: 'engine', reason: reason ?? '' }
      if (reason === undefined || !(await switchControl(connection, change))) continue
      await recordEvents(connection, incident, [
        {
          place: formatPlace({ kind: 'breaker', round, connection: name }),
          actor: 'engine',
          kind: 'control',
          data: change,
        },
      ])
    }
    return { at: stored!.at }
  })
}

/**
 * Stores this verdict. Returns why the breaker must open; undefined if it need not. Verdicts from the time before the breaker was last
 * closed do not count.
 */
async function reasonToOpen(
  connection: Connection,
  gate: string,
  name: string,
  held: boolean,
): Promise<string | undefined> {
  // Without the lock, two verdicts at the same time would not count each other.
  await lockName(connection, 'breaker', name)
  await connection.query('INSERT INTO runbook.verdicts (gate, connection, held) VALUES ($1, $2, $3)', [
    gate,
    name,
    held,
  ])
  const found = await connection.query<{ gate: string; held: boolean }>(
    `SELECT gate, held FROM runbook.verdicts WHERE connection = $1 AND at > $2::timestamptz ORDER BY at DESC LIMIT $3`,
    [name, (await lastClosing(connection, breakerOf(name))) ?? '-infinity', MAX_CONSECUTIVE_INEFFECTIVE],
  )
  if (found.rows.length < MAX_CONSECUTIVE_INEFFECTIVE || found.rows.some((row) => row.held)) return undefined
  const gates = found.rows.map((row) => row.gate).toReversed()
  return `${MAX_CONSECUTIVE_INEFFECTIVE} consecutive remedies did not help: ${gates.join(', ')}`
}

/**
 * When the control was last switched off; undefined if never. An event that cannot be read does not count as switching the control off: the
 * breaker then opens earlier, and `audit verify` reports the event. The events are parsed here and not in SQL, because there one such row
 * would make every verdict fail.
 */
async function lastClosing(connection: Connection, control: string): Promise<string | undefined> {
  const found = await connection.query<{ at: string; body: string }>(
    'SELECT at, body FROM runbook.control_events WHERE position($1 IN body) > 0 ORDER BY seq DESC',
    [JSON.stringify(control)],
  )
  return found.rows.find(({ at, body }) => {
    const event = readStoredObject(body)
    return event?.['control'] === control && event['on'] === false && !Number.isNaN(Date.parse(at))
  })?.at
}
