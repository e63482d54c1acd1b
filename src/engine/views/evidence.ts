import { RunbookError } from '../../core/errors.ts'
import type { JsonObject } from '../../core/json.ts'
import { cutText } from '../../core/storable.ts'
import { readStoredObject } from '../../core/stored-json.ts'
import type { Queryable } from '../../history/database.ts'
import type { EvidenceView } from './view-types.ts'

const COLUMNS = `place, name, kind, status, ref, parameters, body, truncated,
  to_char(started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS at, duration_ms AS "durationMs"`

type Row = Omit<EvidenceView, 'parameters' | 'body'> & { parameters: string; body: string }

/** An entry in the list of an incident's evidence: everything about one stored result except its content. */
export interface EvidenceEntry {
  place: string
  bytes: number
}

/** All evidence of an incident, oldest first. */
export async function listEvidence(db: Queryable, incident: string): Promise<EvidenceEntry[]> {
  const found = await db.query<EvidenceEntry>(
    `SELECT place, octet_length(body) + octet_length(parameters) AS bytes FROM runbook.evidence
     WHERE incident = $1 ORDER BY started_at, place`,
    [incident],
  )
  return found.rows
}

/** The limit in bytes for the results that are in memory at the same time. A single result that is larger is still read. */
const BATCH_BYTES = 1_000_000

/** Reads the listed evidence in batches, in the same order. */
export async function* readEvidenceInBatches(
  db: Queryable,
  incident: string,
  entries: EvidenceEntry[],
): AsyncGenerator<EvidenceView> {
  for (let from = 0, to = 0; from < entries.length; from = to) {
    let bytes = 0
    while (to < entries.length && (to === from || bytes + entries[to]!.bytes <= BATCH_BYTES)) {
      bytes += entries[to]!.bytes
      to += 1
    }
    const places = entries.slice(from, to).map(({ place }) => place)
    const found = await db.query<Row>(
      `SELECT ${COLUMNS} FROM runbook.evidence WHERE incident = $1 AND place = ANY ($2) ORDER BY started_at, place`,
      [incident, places],
    )
    yield* found.rows.map(evidenceOf)
  }
}

/** The evidence with this digest. Throws `RUNBOOK_NOT_FOUND`. */
export async function readEvidenceByRef(db: Queryable, incident: string, ref: string): Promise<EvidenceView> {
  const found = await db.query<Row>(
    `SELECT ${COLUMNS} FROM runbook.evidence WHERE incident = $1 AND ref = $2 ORDER BY started_at LIMIT 1`,
    [incident, ref],
  )
  if (!found.rows[0])
    throw new RunbookError(
      'RUNBOOK_NOT_FOUND',
      `${incident} has no evidence with digest ${ref}; its review lists all of them`,
    )
  return evidenceOf(found.rows[0])
}

function evidenceOf(row: Row): EvidenceView {
  return { ...row, parameters: shown(row.parameters), body: shown(row.body) }
}

const MAX_SHOWN = 1_000

/** A stored text that is not a JSON object, because somebody changed it, is shown unchanged as text. */
function shown(stored: string): JsonObject {
  return readStoredObject(stored) ?? { unreadable: cutText(stored, MAX_SHOWN) }
}
