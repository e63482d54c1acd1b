import type { NewEvent } from '../core/events.ts'
import { RunbookError } from '../core/errors.ts'
import type { Finding, Outcome } from '../core/incident.ts'
import { formatPlace } from '../core/place.ts'
import type { Proposal, ProposedAction } from '../core/proposal.ts'
import { cutText, toStorable } from '../core/storable.ts'
import { statement, transaction, type Connection, type Database } from './database.ts'
import { releaseLeases } from './leases.ts'
import { knownError, placesAndBodies, recordEvents } from './record.ts'

export interface Closing {
  incident: string
  outcome: Outcome
  /** One sentence for people. */
  reason: string
  /** What the last round found, where it led to no proposal. */
  findings?: { round: number; findings: Finding[] }
  /** Said of effects that had their permit and were never recorded: they become `unknown`. Absent: all were recorded. */
  unsettled?: string
}

export interface Closed {
  outcome: Outcome
  reason: string
  /** False: it had been closed before, as it says here. */
  fresh: boolean
}

const LONGEST_REASON = 4_000

/**
 * Ends an incident. The first closing stands: a second one, after a crash or from the reconciler, changes nothing and returns
 * what was stored. Gates that are still open are voided.
 */
export async function closeIncident(database: Database, closing: Closing): Promise<Closed> {
  const { incident, outcome } = closing
  // An error's text may hold anything; a closing that cannot be stored would be tried for ever.
  const reason = cutText(toStorable(closing.reason), LONGEST_REASON)
  const closed: NewEvent<'closed'> = {
    place: formatPlace({ kind: 'closed' }),
    actor: 'engine',
    kind: 'closed',
    data: { outcome, reason },
  }
  const simply = await closeWithoutGates(database, { ...closing, reason }, closed)
  if (simply) return simply
  return transaction(database, async (connection) => {
    const before = await lock(connection, incident)
    if (before.outcome) return { outcome: before.outcome, reason: before.reason ?? '', fresh: false }
    const { unsettled, findings } = closing
    await recordEvents(connection, incident, [
      ...(unsettled === undefined ? [] : await settleReserved(connection, incident, unsettled)),
      ...(findings ? [findingsEvent(findings)] : []),
      ...(await voidOpenGates(connection, incident)),
      closed,
    ])
    await connection.query(
      `UPDATE runbook.incidents SET state = 'closed', outcome = $2, reason = $3, closed_at = clock_timestamp(),
       started_at = coalesce(started_at, clock_timestamp()) WHERE id = $1`,
      [incident, outcome, reason],
    )
    await releaseLeases(connection, incident)
    return { outcome, reason, fresh: true }
  })
}

/** The end of an incident that never proposed anything, in one statement; undefined when there may be gates. */
async function closeWithoutGates(
  database: Database,
  { incident, outcome, reason, findings }: Closing,
  closed: NewEvent,
): Promise<Closed | undefined> {
  const events = [...(findings ? [findingsEvent(findings)] : []), closed]
  const ended = await statement(database, (connection) =>
    connection
      .query<Closed>('SELECT outcome, reason, fresh FROM runbook.close_without_gates($1, $2, $3, $4, $5)', [
        incident,
        ...placesAndBodies(events),
        outcome,
        reason,
      ])
      .catch(knownError(incident)),
  )
  return ended.rows[0]
}

/** Throws `RUNBOOK_NOT_FOUND`. */
async function lock(
  connection: Connection,
  incident: string,
): Promise<{ outcome: Outcome | null; reason: string | null }> {
  const found = await connection.query<{ outcome: Outcome | null; reason: string | null }>(
    'SELECT outcome, reason FROM runbook.incidents WHERE id = $1 FOR UPDATE',
    [incident],
  )
  if (!found.rows[0]) throw new RunbookError('RUNBOOK_NOT_FOUND', `no incident ${incident}`)
  return found.rows[0]
}

/**
 * What had its permit and no effect yet may have been done or not: that is said, not guessed. Of each target's actions only the first
 * without an effect: the later ones are begun after that one was recorded. Messages and manual actions take no permit.
 */
async function settleReserved(connection: Connection, incident: string, detail: string): Promise<NewEvent[]> {
  const permits = await connection.query<Permitted>(
    `SELECT p.gate, g.round, p.target,
       ARRAY(SELECT e.action FROM runbook.effects e WHERE e.gate = p.gate AND e.target = p.target) AS recorded
     FROM runbook.permits p JOIN runbook.gates g ON g.id = p.gate WHERE g.incident = $1 ORDER BY g.round, p.target`,
    [incident],
  )
  const proposals = await connection.query<{ id: string; proposal: string }>(
    'SELECT id, proposal FROM runbook.gates WHERE incident = $1',
    [incident],
  )
  const actions = new Map(proposals.rows.map(({ id, proposal }) => [id, actionsOf(proposal)]))
  const reserved = permits.rows.flatMap((permit) => {
    const action = firstUnrecorded(actions.get(permit.gate)!, permit)
    return action === undefined ? [] : [{ gate: permit.gate, round: permit.round, action, target: permit.target }]
  })
  await connection.query(
    `INSERT INTO runbook.effects (gate, action, target, result, detail)
     SELECT gate, action, target, 'unknown', $4 FROM unnest($1::text[], $2::text[], $3::text[]) AS r (gate, action, target)`,
    [...(['gate', 'action', 'target'] as const).map((name) => reserved.map((one) => one[name])), detail],
  )
  return reserved.map(({ gate, round, action, target }) => ({
    place: formatPlace({ kind: 'effect', round, action, target }),
    actor: 'engine',
    kind: 'effect',
    data: { gate, action, target, result: 'unknown', detail },
  }))
}

interface Permitted {
  gate: string
  round: number
  target: string
  /** Its actions that have an effect. */
  recorded: string[]
}

function firstUnrecorded(actions: ProposedAction[], { target, recorded }: Permitted): string | undefined {
  const due = actions.find(
    (one) => one.target === target && !['manual', 'notify'].includes(one.kind) && !recorded.includes(one.id),
  )
  return due?.id
}

/** Read here and not by the server, whose jsonb does not take every text that JSON holds; one that was spoiled must not keep an incident open. */
function actionsOf(proposal: string): ProposedAction[] {
  try {
    return (JSON.parse(proposal) as Partial<Proposal>).actions ?? []
  } catch {
    return []
  }
}

async function voidOpenGates(connection: Connection, incident: string): Promise<NewEvent[]> {
  const why = 'the incident closed'
  const voided = await connection.query<{ id: string; round: number }>(
    `UPDATE runbook.gates SET state = 'voided', why = $2 WHERE incident = $1 AND state = 'open' RETURNING id, round`,
    [incident, why],
  )
  return voided.rows.map(({ id, round }) => ({
    place: formatPlace({ kind: 'gate-state', round, state: 'voided' }),
    actor: 'engine',
    kind: 'gate',
    data: { gate: id, state: 'voided', why },
  }))
}

/** All causes with what the evidence says of each, as one event of the round. */
export function findingsEvent({ round, findings }: { round: number; findings: Finding[] }): NewEvent {
  return {
    place: formatPlace({ kind: 'findings', round }),
    actor: 'engine',
    kind: 'findings',
    data: { round, findings },
  }
}
