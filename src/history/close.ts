import { closingSentence, remediesDone, type RemedyDone, type RemedyEffect } from '../core/closing-sentence.ts'
import type { NewEvent } from '../core/events.ts'
import { RunbookError } from '../core/errors.ts'
import type { Finding, Outcome } from '../core/incident.ts'
import { parseEvent } from '../core/parse-event.ts'
import { formatPlace, placesInRounds } from '../core/place.ts'
import { readStoredProposal } from '../core/parse-proposal.ts'
import type { ProposedAction } from '../core/proposal.ts'
import { cutText, toStorable } from '../core/storable.ts'
import { statement, transaction, type Connection, type Database } from './database.ts'
import { releaseLeases } from './leases.ts'
import { knownError, placesAndBodies, recordEvents } from './record.ts'

export interface Closing {
  incident: string
  outcome: Outcome
  /** Why the incident ends. What its remedies did is read from the history and added to this text. */
  reason: string
  /** The findings of the last round, if that round led to no proposal. */
  findings?: { round: number; findings: Finding[] }
  /** The detail for effects that had a permit and were never recorded, which become `unknown`. Absent if all effects were recorded. */
  unsettled?: string
}

export interface Closed {
  outcome: Outcome
  reason: string
  /** Whether this call closed the incident. If false, the incident was already closed, with this outcome and reason. */
  fresh: boolean
}

/** The maximum length of the reason, which leaves room for what the remedies did. */
const MAX_REASON_LENGTH = 3_000
const MAX_SENTENCE_LENGTH = 4_000

/**
 * Closes an incident. The first closing wins: a second closing, after a crash or by the reconciler, changes nothing and returns the stored
 * outcome. Open gates are voided.
 */
export async function closeIncident(database: Database, closing: Closing): Promise<Closed> {
  const { incident, outcome, unsettled, findings } = closing
  // The text of an error may contain characters that cannot be stored. Without their replacement, storing the closing would fail and be
  // tried again for ever.
  const why = cutText(toStorable(closing.reason), MAX_REASON_LENGTH)
  const withoutGates = await closeWithoutGates(
    database,
    closing,
    closedEvent(outcome, closingSentence(outcome, why, [])),
  )
  if (withoutGates) return withoutGates
  return transaction(database, async (connection) => {
    const before = await lock(connection, incident)
    if (before.outcome) return { outcome: before.outcome, reason: before.reason ?? '', fresh: false }
    const unknown = unsettled === undefined ? [] : await recordUnknown(connection, incident, unsettled)
    const sentence = closingSentence(outcome, why, await readRemediesDone(connection, incident))
    const closed = closedEvent(outcome, cutText(sentence, MAX_SENTENCE_LENGTH))
    await recordEvents(connection, incident, [
      ...unknown,
      ...(findings ? [findingsEvent(findings)] : []),
      ...(await voidOpenGates(connection, incident)),
      closed,
    ])
    const { reason } = closed.data
    await connection.query(
      `UPDATE runbook.incidents SET state = 'closed', outcome = $2, reason = $3, closed_at = clock_timestamp(),
       started_at = coalesce(started_at, clock_timestamp()) WHERE id = $1`,
      [incident, outcome, reason],
    )
    await releaseLeases(connection, incident)
    return { outcome, reason, fresh: true }
  })
}

function closedEvent(outcome: Outcome, reason: string): NewEvent<'closed'> {
  return { place: formatPlace({ kind: 'closed' }), actor: 'engine', kind: 'closed', data: { outcome, reason } }
}

/** What the incident's remedies did, from their recorded effects and verdicts. */
async function readRemediesDone(connection: Connection, incident: string): Promise<RemedyDone[]> {
  const effects = await connection.query<RemedyEffect>(
    `SELECT g.round, g.remedy, e.action, e.target, e.result FROM runbook.effects e JOIN runbook.gates g ON g.id = e.gate
     WHERE g.incident = $1 ORDER BY g.round, e.at`,
    [incident],
  )
  if (effects.rows.length === 0) return []
  const verdicts = await connection.query<{ body: string }>(
    'SELECT body FROM runbook.events WHERE incident = $1 AND place = ANY ($2)',
    [incident, placesInRounds('verified')],
  )
  const bodies = verdicts.rows.map(({ body }) => parseEvent(body))
  return remediesDone(
    effects.rows,
    bodies.flatMap((event) => (event.kind === 'verified' ? [event.data] : [])),
  )
}

/** Closes an incident that never had a proposal, in one statement. Returns undefined if the incident may have gates. */
async function closeWithoutGates(
  database: Database,
  { incident, outcome, findings }: Closing,
  closed: NewEvent<'closed'>,
): Promise<Closed | undefined> {
  const events = [...(findings ? [findingsEvent(findings)] : []), closed]
  const ended = await statement(database, (connection) =>
    connection
      .query<Closed>('SELECT outcome, reason, fresh FROM runbook.close_without_gates($1, $2, $3, $4, $5)', [
        incident,
        ...placesAndBodies(events),
        outcome,
        closed.data.reason,
      ])
      .catch(knownError(incident)),
  )
  return ended.rows[0]
}

/** Locks the incident's row and returns it. Throws `RUNBOOK_NOT_FOUND`. */
async function lock(
  connection: Connection,
  incident: string,
): Promise<{ outcome: Outcome | null; reason: string | null }> {
  const found = await connection.query<{ outcome: Outcome | null; reason: string | null }>(
    'SELECT outcome, reason FROM runbook.incidents WHERE id = $1 FOR UPDATE',
    [incident],
  )
  if (!found.rows[0])
    throw new RunbookError(
      'RUNBOOK_NOT_FOUND',
      `incident ${incident} does not exist; run "runbook list" to see all incidents`,
    )
  return found.rows[0]
}

/**
 * Records `unknown` for every target that has a permit and an action without an effect: nobody knows whether that action was applied.
 * Only for the target's first such action, because later actions start after its effect is recorded. Messages and manual actions take
 * no permit.
 */
async function recordUnknown(connection: Connection, incident: string, detail: string): Promise<NewEvent[]> {
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
  const unrecorded = permits.rows.flatMap((permit) => {
    const action = firstUnrecorded(actions.get(permit.gate)!, permit)
    return action === undefined ? [] : [{ gate: permit.gate, round: permit.round, action, target: permit.target }]
  })
  await connection.query(
    `INSERT INTO runbook.effects (gate, action, target, result, detail)
     SELECT gate, action, target, 'unknown', $4 FROM unnest($1::text[], $2::text[], $3::text[]) AS r (gate, action, target)`,
    [...(['gate', 'action', 'target'] as const).map((name) => unrecorded.map((one) => one[name])), detail],
  )
  return unrecorded.map(({ gate, round, action, target }) => ({
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
  /** Ids of the target's actions that have an effect. */
  recorded: string[]
}

function firstUnrecorded(actions: ProposedAction[], { target, recorded }: Permitted): string | undefined {
  const first = actions.find(
    (one) => one.target === target && !['manual', 'notify'].includes(one.kind) && !recorded.includes(one.id),
  )
  return first?.id
}

/**
 * Reads the actions of a stored proposal. It is parsed here and not by the server, because jsonb refuses some valid JSON. A damaged
 * proposal counts as a proposal without actions, so that the incident can still be closed.
 */
function actionsOf(proposal: string): ProposedAction[] {
  return readStoredProposal(proposal)?.actions ?? []
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

/** The event of a round with all its causes and whether each of them holds. */
export function findingsEvent({ round, findings }: { round: number; findings: Finding[] }): NewEvent {
  return {
    place: formatPlace({ kind: 'findings', round }),
    actor: 'engine',
    kind: 'findings',
    data: { round, findings },
  }
}
