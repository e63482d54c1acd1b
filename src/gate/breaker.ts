import type { EventData } from '../core/events.ts'
import { gateId } from '../core/incident.ts'
import { formatPlace } from '../core/place.ts'
import type { Proposal } from '../core/proposal.ts'
import { transaction, type Connection, type Database } from '../history/database.ts'
import { recordEvents } from '../history/record.ts'
import { breakerOf, turnControl } from './controls.ts'
import { readGate } from './gates.ts'

/** So many remedies in a row that did not help open the breaker of their connection. */
const INEFFECTIVE_IN_A_ROW = 3

/** Names of the connections that a proposal's actions work on. */
export function connectionsOf({ actions }: Pick<Proposal, 'actions'>): string[] {
  const names = actions.map((action) => action.with.connection).filter((name) => typeof name === 'string')
  return [...new Set(names)]
}

/**
 * Records whether a gate's remedy helped, at its place. The third in a row that did not help on a connection opens that connection's
 * breaker: from then on there are proposals only, until a person closes it. Recorded twice is counted once.
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
    // Who looks at nothing, as an undo does, cannot tell that it helped.
    if (data.unseen) return { at: stored!.at }
    for (const name of connectionsOf(proposal).sort()) {
      const reason = await count(connection, gate, name, data.held)
      const turn = { control: breakerOf(name), on: true, person: 'engine', reason: reason ?? '' }
      if (reason === undefined || !(await turnControl(connection, turn))) continue
      await recordEvents(connection, incident, [
        {
          place: formatPlace({ kind: 'breaker', round, connection: name }),
          actor: 'engine',
          kind: 'control',
          data: turn,
        },
      ])
    }
    return { at: stored!.at }
  })
}

/** Counts this verdict; says why the breaker must open, where it must. What was before it was closed last does not count. */
async function count(connection: Connection, gate: string, name: string, held: boolean): Promise<string | undefined> {
  // Two verdicts at once would not see each other.
  await connection.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 3))', [name])
  await connection.query('INSERT INTO runbook.verdicts (gate, connection, held) VALUES ($1, $2, $3)', [
    gate,
    name,
    held,
  ])
  const found = await connection.query<{ gate: string; held: boolean }>(
    `SELECT gate, held FROM runbook.verdicts WHERE connection = $1 AND at > coalesce((
       SELECT max(at::timestamptz) FROM runbook.control_events
       WHERE body::jsonb->>'control' = $2 AND body::jsonb->>'on' = 'false'), '-infinity')
     ORDER BY at DESC LIMIT $3`,
    [name, breakerOf(name), INEFFECTIVE_IN_A_ROW],
  )
  if (found.rows.length < INEFFECTIVE_IN_A_ROW || found.rows.some((row) => row.held)) return undefined
  const gates = found.rows.map((row) => row.gate).toReversed()
  return `${INEFFECTIVE_IN_A_ROW} remedies in a row did not help: ${gates.join(', ')}`
}
