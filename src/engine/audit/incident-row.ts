import { canonical, sha256Hex } from '../../core/canonical.ts'
import { isoTime } from '../views/iso-time.ts'
import { formatPlace } from '../../core/place.ts'
import type { StoredEventOf } from '../../core/events.ts'
import type { Queryable } from '../../history/database.ts'
import { compareInOrder, differing, isNear, orNull, personOf, type Recorded } from './recorded.ts'

interface Row {
  type: string
  runbook: string
  plan_digest: string
  key: string
  inputs: string
  requester: string
  parent: string | null
  state: string
  outcome: string | null
  reason: string | null
  acknowledged_by: string | null
  claimed_by: string | null
  cancelled_by: string | null
  opened_at: Date
  acknowledged_at: Date | null
  cancelled_at: Date | null
  closed_at: Date | null
}

/** Compares the incident's row with the events about its opening, its end and the people who act on it. */
export async function incidentFaults(db: Queryable, { incident, events, fault }: Recorded): Promise<void> {
  const row = (await db.query<Row>('SELECT * FROM runbook.incidents WHERE id = $1', [incident])).rows[0]!
  const opened = events.find((event) => event.kind === 'opened')
  if (!opened) return fault('the "opened" event is missing')
  const closed = events
    .filter((event) => event.kind === 'closed')
    .find(({ place }) => place === formatPlace({ kind: 'closed' }))
  const acknowledged = events.find((event) => event.kind === 'acknowledged')
  const cancelled = events.find((event) => event.kind === 'cancel')
  const claimed = events.findLast((event) => event.kind === 'claimed')
  const { type, runbook, planDigest, key, inputs, parent } = opened.data
  const wrong = differing(
    { ...row, closed: row.state === 'closed' },
    {
      type,
      runbook,
      plan_digest: planDigest,
      key,
      inputs: canonical(inputs),
      requester: opened.actor,
      parent: orNull(parent),
      closed: closed !== undefined,
      outcome: orNull(closed?.data.outcome),
      reason: orNull(closed?.data.reason),
      acknowledged_by: acknowledged ? personOf(acknowledged.actor) : null,
      claimed_by: claimed ? personOf(claimed.actor) : null,
      cancelled_by: cancelled ? personOf(cancelled.actor) : null,
    },
  )
  if (!isNear(row.opened_at, opened.at)) wrong.push('opened_at')
  if (!isNear(row.closed_at, closed?.at)) wrong.push('closed_at')
  if (!isNear(row.acknowledged_at, acknowledged?.at)) wrong.push('acknowledged_at')
  if (!isNear(row.cancelled_at, cancelled?.at)) wrong.push('cancelled_at')
  if (wrong.length > 0) fault(`the incident's row differs from its events: ${wrong.join(', ')}`)
}

/** Compares notes with their events, in the order in which they were written. */
export async function noteFaults(db: Queryable, { incident, events, fault }: Recorded): Promise<void> {
  const rows = await db.query<{ person: string; body: string; about: number | null; at: Date }>(
    'SELECT person, body, about::float AS about, at FROM runbook.notes WHERE incident = $1 ORDER BY number',
    [incident],
  )
  const recorded = events.filter((event) => event.kind === 'note').filter(({ actor }) => actor.startsWith('person:'))
  const expected = ({ actor, data: { body, about } }: StoredEventOf<'note'>) => ({
    person: personOf(actor),
    body,
    about: orNull(about),
  })
  compareInOrder(rows.rows, recorded, expected, { one: 'note', many: 'notes' }, fault)
}

interface EvidenceRow {
  place: string
  name: string
  kind: string
  status: string
  parameters: string
  truncated: boolean
  started_at: Date
  duration_ms: number
}

/**
 * Compares the other columns of the evidence with its events. The verification of the chain compares the evidence itself, by its digest.
 */
export async function evidenceFaults(db: Queryable, { incident, events, fault }: Recorded): Promise<void> {
  const rows = await db.query<EvidenceRow>(
    `SELECT place, name, kind, status, parameters, truncated, started_at, duration_ms FROM runbook.evidence WHERE incident = $1`,
    [incident],
  )
  for (const row of rows.rows) {
    const event = events.filter((one) => one.kind === 'check').find(({ place }) => place === row.place)
    if (!event) continue
    const { name, check, status, truncated, durationMs, asked, startedAt } = event.data
    const found = { ...row, asked: sha256Hex(row.parameters), started: isoTime(row.started_at) }
    const wanted = { name, kind: check, status, truncated, duration_ms: durationMs, asked, started: startedAt }
    const wrong = differing(found, wanted)
    if (wrong.length > 0) fault(`evidence ${row.place} differs from its event: ${wrong.join(', ')}`, event.seq)
  }
}
