import { sha256Hex } from '../core/canonical.ts'
import type { ParsedEvent } from '../core/events.ts'
import { parseEvent } from '../core/parse-event.ts'
import { formatPlace } from '../core/place.ts'
import type { Queryable } from './database.ts'

export interface ChainFault {
  incident: string
  seq: number
  what: string
}

interface Link {
  seq: string
  at: string
  place: string | null
  body: string
  prev: string
  hash: string
}

/**
 * Recomputes an incident's chain of events, compares it with the head in the incident's row, and compares evidence, proposals and the
 * outcome with their events. Finds edits, removals and insertions. It cannot find that events at the end were removed together with the
 * head. For an open incident, pass a snapshot, because the incident's rows change while they are read.
 */
export async function verifyChain(db: Queryable, incident: string): Promise<ChainFault[]> {
  const links = await db.query<Link>(
    'SELECT seq, at, place, body, prev, hash FROM runbook.events WHERE incident = $1 ORDER BY seq',
    [incident],
  )
  const events = links.rows.map((link) => ({ ...parseEvent(link.body), seq: Number(link.seq) }))
  return [
    ...(await linkFaults(db, incident, links.rows)),
    ...unreadableFaults(incident, events),
    ...(await evidenceFaults(db, incident, events)),
    ...(await proposalFaults(db, incident, events)),
  ]
}

async function linkFaults(db: Queryable, incident: string, links: Link[]): Promise<ChainFault[]> {
  const faults: ChainFault[] = []
  let prev = ''
  let expected = 1
  for (const link of links) {
    const seq = Number(link.seq)
    const fault = (what: string) => faults.push({ incident, seq, what })
    if (seq !== expected) fault(`events ${expected} to ${seq - 1} are missing`)
    if (link.prev !== prev) fault('the previous hash differs from the hash of the event before it')
    if (linkHash(link, incident) !== link.hash) fault('was changed after it was written')
    if (parseEvent(link.body).place !== link.place) fault('is stored under another place than the place in its body')
    prev = link.hash
    expected = seq + 1
  }
  const head = await db.query<{ head_seq: string; head_hash: string; outcome: string | null }>(
    'SELECT head_seq, head_hash, outcome FROM runbook.incidents WHERE id = $1',
    [incident],
  )
  const { head_seq, head_hash, outcome } = head.rows[0] ?? { head_seq: '0', head_hash: '', outcome: null }
  if (Number(head_seq) !== expected - 1 || head_hash !== prev)
    faults.push({
      incident,
      seq: Number(head_seq),
      what: "the last event differs from the last event in the incident's row",
    })
  const closed = links.find((link) => link.place === formatPlace({ kind: 'closed' }))
  const closing = closed && parseEvent(closed.body)
  const ended = closing?.kind === 'closed' ? closing.data.outcome : null
  if (ended !== outcome)
    faults.push({
      incident,
      seq: Number(closed?.seq ?? head_seq),
      what: 'the outcome differs from the recorded outcome',
    })
  return faults
}

type ChainEvent = ParsedEvent & { seq: number }

/** An event of a kind that a newer version added is no fault: this version shows it and does not interpret it. */
function unreadableFaults(incident: string, events: ChainEvent[]): ChainFault[] {
  return events.flatMap((event) => {
    if (event.kind !== 'unreadable' || event.reason === 'unknown kind') return []
    const what = event.reason === 'malformed' ? `is not a valid "${event.recordedKind}" event` : 'cannot be read'
    return [{ incident, seq: event.seq, what }]
  })
}

/** Each check's event names the digest of its evidence; there is no evidence without an event. */
async function evidenceFaults(db: Queryable, incident: string, events: ChainEvent[]): Promise<ChainFault[]> {
  const found = await db.query<{ place: string; digest: string; ref: string }>(
    `SELECT place, encode(sha256(convert_to(body, 'UTF8')), 'hex') AS digest, ref FROM runbook.evidence WHERE incident = $1 ORDER BY place`,
    [incident],
  )
  const stored = new Map(found.rows.map((row) => [row.place, row]))
  const faults: ChainFault[] = []
  for (const event of events.filter((one) => one.kind === 'check')) {
    const row = stored.get(String(event.place))
    stored.delete(String(event.place))
    const fault = (what: string) => faults.push({ incident, seq: event.seq, what: `its evidence ${what}` })
    if (!row) fault('is missing')
    else if (row.ref !== event.data.ref || row.digest !== row.ref) fault('was changed after it was stored')
  }
  for (const place of stored.keys()) faults.push({ incident, seq: 0, what: `evidence ${place} was never recorded` })
  return faults
}

/** Each gate's event names the digest of its proposal. There is no gate without such an event. */
async function proposalFaults(db: Queryable, incident: string, events: ChainEvent[]): Promise<ChainFault[]> {
  const found = await db.query<{ id: string; proposal: string; digest: string }>(
    'SELECT id, proposal, proposal_digest AS digest FROM runbook.gates WHERE incident = $1 ORDER BY round',
    [incident],
  )
  const stored = new Map(found.rows.map((row) => [row.id, row]))
  const faults: ChainFault[] = []
  for (const event of events.filter((one) => one.kind === 'proposal')) {
    const { gate, proposalDigest } = event.data
    const row = stored.get(gate)
    stored.delete(gate)
    const fault = (what: string) => faults.push({ incident, seq: event.seq, what: `its proposal ${what}` })
    if (!row) fault('is missing')
    else if (row.digest !== proposalDigest || sha256Hex(row.proposal) !== row.digest)
      fault('was changed after it was stored')
  }
  for (const gate of stored.keys()) faults.push({ incident, seq: 0, what: `gate ${gate} was never recorded` })
  return faults
}

/** The hash of an event, over the same text that the database hashes in `runbook.append_events`. */
function linkHash(link: Link, incident: string): string {
  return sha256Hex([link.prev, incident, link.seq, link.at, link.body].join('\n'))
}
