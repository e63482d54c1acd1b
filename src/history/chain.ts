import { sha256Hex } from '../core/canonical.ts'
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
 * Recomputes an incident's chain of events and compares it with the head that the incident's row names.
 * Finds events that were edited, removed or put between. What was cut off the end together with the head cannot be seen here.
 */
export async function verifyChain(db: Queryable, incident: string): Promise<ChainFault[]> {
  const faults: ChainFault[] = []
  const links = await db.query<Link>(
    'SELECT seq, at, place, body, prev, hash FROM runbook.events WHERE incident = $1 ORDER BY seq',
    [incident],
  )
  const head = await db.query<{ head_seq: string; head_hash: string }>(
    'SELECT head_seq, head_hash FROM runbook.incidents WHERE id = $1',
    [incident],
  )
  let prev = ''
  let expected = 1
  for (const link of links.rows) {
    const seq = Number(link.seq)
    const fault = (what: string) => faults.push({ incident, seq, what })
    if (seq !== expected) fault(`events ${expected} to ${seq - 1} are missing`)
    if (link.prev !== prev) fault('does not follow the event before it')
    if (linkHash(link, incident) !== link.hash) fault('was changed after it was written')
    if (((JSON.parse(link.body) as { place?: string }).place ?? null) !== link.place)
      fault('stands at another place than it says')
    prev = link.hash
    expected = seq + 1
  }
  const { head_seq, head_hash } = head.rows[0] ?? { head_seq: '0', head_hash: '' }
  if (Number(head_seq) !== expected - 1 || head_hash !== prev)
    faults.push({ incident, seq: Number(head_seq), what: 'the chain does not end where the incident says' })
  return faults
}

/** The same text that the database hashes in `runbook.append_events`. */
function linkHash(link: Link, incident: string): string {
  return sha256Hex([link.prev, incident, link.seq, link.at, link.body].join('\n'))
}
