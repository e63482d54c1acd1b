import { canonical } from '../../core/canonical.ts'
import { RunbookError } from '../../core/errors.ts'
import { isJsonObject, type Json } from '../../core/json.ts'
import type { Keyring } from '../../gate/keyring.ts'
import type { Queryable } from '../../history/database.ts'

/** How far every chain went at one moment. Kept elsewhere, it shows what was cut off or written anew up to then. */
export interface Checkpoint {
  version: 1
  /** The engine's id. */
  engine: string
  /** ISO 8601, UTC, by the engine's database. */
  at: string
  controls: [seq: number, hash: string]
  /** The last event of each incident. */
  heads: [incident: string, seq: number, hash: string][]
}

export interface SignedCheckpoint {
  checkpoint: Checkpoint
  /** Ed25519 by the engine's key, over the checkpoint's canonical JSON. */
  signature: string
}

/** Sets it apart from everything else that the engine's key signs. */
const PURPOSE = 'runbook-checkpoint\n'

export async function makeCheckpoint(db: Queryable, keyring: Keyring): Promise<SignedCheckpoint> {
  const heads = await db.query<{ id: string; head_seq: string; head_hash: string }>(
    'SELECT id, head_seq, head_hash FROM runbook.incidents ORDER BY number',
  )
  const last = await db.query<{ seq: string; hash: string }>(
    'SELECT seq, hash FROM runbook.control_events ORDER BY seq DESC LIMIT 1',
  )
  const engine = await db.query<{ id: string; at: string }>(
    `SELECT id, to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS at FROM runbook.engine`,
  )
  const checkpoint: Checkpoint = {
    version: 1,
    engine: engine.rows[0]!.id,
    at: engine.rows[0]!.at,
    controls: [Number(last.rows[0]?.seq ?? 0), last.rows[0]?.hash ?? ''],
    heads: heads.rows.map((row) => [row.id, Number(row.head_seq), row.head_hash]),
  }
  return { checkpoint, signature: keyring.signText(textOf(checkpoint)) }
}

/** Reads what `makeCheckpoint` made. Throws `RUNBOOK_BAD_INPUT`, or `RUNBOOK_REFUSED` where the signature is not the engine's. */
export function readCheckpoint(text: string, keyring: Keyring): Checkpoint {
  let read: unknown
  try {
    read = JSON.parse(text)
  } catch {
    read = undefined
  }
  if (!isJsonObject(read) || !isJsonObject(read.checkpoint) || typeof read.signature !== 'string')
    throw new RunbookError('RUNBOOK_BAD_INPUT', 'this is no checkpoint: "runbook audit checkpoint" makes one')
  const checkpoint = read.checkpoint as unknown as Checkpoint
  if (!keyring.verifyText(textOf(checkpoint), read.signature))
    throw new RunbookError(
      'RUNBOOK_REFUSED',
      'the checkpoint is not signed by the key of this engine, nor by a former one: it proves nothing',
    )
  return checkpoint
}

/** What no longer is as the checkpoint saw it. */
export async function checkpointFaults(
  db: Queryable,
  { engine, controls, heads }: Checkpoint,
): Promise<{ incident: string; seq: number; what: string }[]> {
  const own = await db.query<{ id: string }>('SELECT id FROM runbook.engine')
  if (own.rows[0]?.id !== engine)
    throw new RunbookError('RUNBOOK_CONFLICT', `the checkpoint is of another engine (${engine})`)
  const seen = heads.filter(([, seq]) => seq > 0)
  const found = await db.query<{ incident: string; seq: string; hash: string }>(
    `SELECT incident, seq, hash FROM runbook.events
     WHERE (incident, seq) IN (SELECT * FROM unnest($1::text[], $2::bigint[]))`,
    [seen.map(([incident]) => incident), seen.map(([, seq]) => seq)],
  )
  const there = new Map(found.rows.map((row) => [row.incident, row.hash]))
  const faults = seen
    .filter(([incident, , hash]) => there.get(incident) !== hash)
    .map(([incident, seq]) => ({
      incident,
      seq,
      what: there.has(incident)
        ? 'its history was written anew since the checkpoint'
        : 'its history was cut since the checkpoint',
    }))
  const [seq, hash] = controls
  const turn = await db.query<{ hash: string }>('SELECT hash FROM runbook.control_events WHERE seq = $1', [seq])
  if (seq > 0 && turn.rows[0]?.hash !== hash)
    faults.push({ incident: 'controls', seq, what: 'their history was cut or written anew since the checkpoint' })
  return faults
}

function textOf(checkpoint: Checkpoint): string {
  return PURPOSE + canonical(checkpoint as unknown as Json)
}
