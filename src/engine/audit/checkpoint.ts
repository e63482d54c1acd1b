import { z } from 'zod'
import { canonical } from '../../core/canonical.ts'
import { RunbookError } from '../../core/errors.ts'
import type { Json } from '../../core/json.ts'
import type { Keyring } from '../../gate/keyring.ts'
import type { Queryable } from '../../history/database.ts'
import { collectSignatures, earlierSignatures, vouchedFor } from './earlier-signatures.ts'

const checkpoint = z.strictObject({
  version: z.literal(1),
  /** The engine's id. */
  engine: z.string(),
  /** When the checkpoint was made: ISO 8601, UTC, by the clock of the engine's database. */
  at: z.string(),
  /** The last event of the freeze and the breakers: its number and hash. */
  controls: z.tuple([z.int(), z.string()]),
  /** The last event of each incident: the incident's id, the event's number and hash. */
  heads: z.array(z.tuple([z.string(), z.int(), z.string()])),
  /** The authors of each plan: the plan's digest and a name. Checkpoints of earlier versions do not have them. */
  authors: z.array(z.tuple([z.string(), z.string()])).optional(),
  /** The decisions that were signed with other keys than the engine's current key. Checkpoints of earlier versions do not have them. */
  signatures: earlierSignatures.optional(),
  /** How many decisions could not be verified when the checkpoint was made. The checkpoint does not vouch for these decisions. */
  unverified: z.int().optional(),
})

const signedCheckpoint = z.strictObject({
  checkpoint,
  /** The Ed25519 signature over the checkpoint's canonical JSON, made with the engine's key. */
  signature: z.string(),
})

/** The last events of all chains at one moment. A copy outside the database shows later whether events were removed or rewritten. */
export type Checkpoint = z.infer<typeof checkpoint>
export type SignedCheckpoint = z.infer<typeof signedCheckpoint>

/**
 * The beginning of every signed text. Because of it, no other signature of the engine's key can be used as the signature of a checkpoint.
 */
const PURPOSE = 'runbook-checkpoint\n'

/** Makes a checkpoint. It also vouches for the decisions that `before` lists and whose keys are no longer configured. */
export async function makeCheckpoint(db: Queryable, keyring: Keyring, before?: Checkpoint): Promise<SignedCheckpoint> {
  const heads = await db.query<{ id: string; head_seq: string; head_hash: string }>(
    'SELECT id, head_seq, head_hash FROM runbook.incidents ORDER BY number',
  )
  const last = await db.query<{ seq: string; hash: string }>(
    'SELECT seq, hash FROM runbook.control_events ORDER BY seq DESC LIMIT 1',
  )
  const engine = await db.query<{ id: string; at: string }>(
    `SELECT id, to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS at FROM runbook.engine`,
  )
  const authors = await db.query<{ plan: string; author: string }>(
    'SELECT plan, author FROM runbook.plan_authors ORDER BY plan, author',
  )
  if (before && before.engine !== engine.rows[0]!.id) throw ofAnotherEngine(before.engine)
  const { signatures, unverified } = await collectSignatures(db, keyring, vouchedFor(before?.signatures))
  const made: Checkpoint = {
    version: 1,
    engine: engine.rows[0]!.id,
    at: engine.rows[0]!.at,
    controls: [Number(last.rows[0]?.seq ?? 0), last.rows[0]?.hash ?? ''],
    heads: heads.rows.map((row) => [row.id, Number(row.head_seq), row.head_hash]),
    authors: authors.rows.map(({ plan, author }) => [plan, author]),
    signatures,
    unverified,
  }
  return { checkpoint: made, signature: keyring.signText(signedText(made)) }
}

/** Parses the JSON of a checkpoint. Throws `RUNBOOK_BAD_INPUT`, or `RUNBOOK_REFUSED` if the engine did not sign it. */
export function readCheckpoint(text: string, keyring: Keyring): Checkpoint {
  let read: unknown
  try {
    read = JSON.parse(text)
  } catch {
    read = undefined
  }
  const { data: signed } = signedCheckpoint.safeParse(read)
  if (!signed) throw new RunbookError('RUNBOOK_BAD_INPUT', 'not a checkpoint: make one with "runbook audit checkpoint"')
  if (!keyring.verifyText(signedText(signed.checkpoint), signed.signature))
    throw new RunbookError(
      'RUNBOOK_REFUSED',
      'the checkpoint is not signed with a current or previous key of this engine, so it proves nothing: check signing.key and signing.previous',
    )
  return signed.checkpoint
}

/** The chains that no longer contain the last events of the checkpoint. */
export async function checkpointFaults(
  db: Queryable,
  { engine, controls, heads, authors = [] }: Checkpoint,
): Promise<{ incident: string; seq: number; what: string }[]> {
  const current = await db.query<{ id: string }>('SELECT id FROM runbook.engine')
  if (current.rows[0]?.id !== engine) throw ofAnotherEngine(engine)
  const recorded = heads.filter(([, seq]) => seq > 0)
  const found = await db.query<{ incident: string; seq: string; hash: string }>(
    `SELECT incident, seq, hash FROM runbook.events
     WHERE (incident, seq) IN (SELECT * FROM unnest($1::text[], $2::bigint[]))`,
    [recorded.map(([incident]) => incident), recorded.map(([, seq]) => seq)],
  )
  const hashes = new Map(found.rows.map((row) => [row.incident, row.hash]))
  const faults = recorded
    .filter(([incident, , hash]) => hashes.get(incident) !== hash)
    .map(([incident, seq]) => ({
      incident,
      seq,
      what: hashes.has(incident)
        ? 'its history was rewritten since the checkpoint'
        : 'events were removed from its history since the checkpoint',
    }))
  const [seq, hash] = controls
  const head = await db.query<{ hash: string }>('SELECT hash FROM runbook.control_events WHERE seq = $1', [seq])
  if (seq > 0 && head.rows[0]?.hash !== hash)
    faults.push({
      incident: 'controls',
      seq,
      what: 'events of the freeze and breakers were removed or rewritten since the checkpoint',
    })
  return [...faults, ...(await removedAuthors(db, authors))]
}

function ofAnotherEngine(engine: string): RunbookError {
  return new RunbookError(
    'RUNBOOK_CONFLICT',
    `the checkpoint belongs to another engine (${engine}): use a checkpoint of this engine`,
  )
}

async function removedAuthors(db: Queryable, authors: [plan: string, author: string][]) {
  const removed = await db.query<{ plan: string; author: string }>(
    `SELECT plan, author FROM unnest($1::text[], $2::text[]) AS c (plan, author)
     WHERE NOT EXISTS (SELECT FROM runbook.plan_authors a WHERE a.plan = c.plan AND a.author = c.author)`,
    [authors.map(([plan]) => plan), authors.map(([, author]) => author)],
  )
  return removed.rows.map(({ plan, author }) => ({
    incident: 'plans',
    seq: 0,
    what: `${author}, an author of plan ${plan.slice(0, 12)}, was removed since the checkpoint`,
  }))
}

function signedText(of: Checkpoint): string {
  return PURPOSE + canonical(of as unknown as Json)
}
