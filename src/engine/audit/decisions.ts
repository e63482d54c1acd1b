import { signerNamedIn, type Keyring } from '../../gate/keyring.ts'
import type { Queryable } from '../../history/database.ts'
import { vouchedClaims, type Vouched } from './earlier-signatures.ts'
import { differing, isNear, isOfGate, type Recorded } from './recorded.ts'

interface Row {
  jti: string
  gate: string
  person: string
  decision: string
  proposal_digest: string
  targets: string[] | null
  next_cause: boolean
  comment: string | null
  break_glass: string | null
  token: string
  at: Date
  withdrawn_at: Date | null
}

/** The source that verifies signatures: the configured keys, or the list of a checkpoint. */
interface Signers {
  keyring: Keyring
  vouched: Vouched
}

/** Verifies that each decision matches its signed token and its event, and that it is withdrawn only if an event withdraws it. */
export async function decisionFaults(db: Queryable, signers: Signers, recorded: Recorded): Promise<void> {
  const { incident, events, fault } = recorded
  const found = await db.query<Row>(
    `SELECT d.* FROM runbook.decisions d JOIN runbook.gates g ON g.id = d.gate WHERE g.incident = $1 ORDER BY d.at, d.jti`,
    [incident],
  )
  const rows = new Map(found.rows.map((row) => [row.jti, row]))
  for (const event of events.filter((one) => one.kind === 'decision')) {
    const row = rows.get(event.data.jti)
    rows.delete(event.data.jti)
    if (!row) {
      fault('the decision is missing', event.seq)
      continue
    }
    const wrong = await differencesFromToken(signers, row)
    if (row.gate !== event.data.gate || row.person !== event.data.person || !isNear(row.at, event.at))
      wrong.push('its event')
    const next = events.find(
      (later) =>
        later.seq > event.seq &&
        ((isOfGate(later, 'withdrawal', row.gate) && later.data.jti === row.jti) ||
          (isOfGate(later, 'decision', row.gate) && later.data.person === row.person)),
    )
    if (!isNear(row.withdrawn_at, next?.at)) wrong.push('withdrawn_at')
    if (wrong.length > 0) fault(`decision ${row.jti} of ${row.person} differs from ${wrong.join(', ')}`, event.seq)
  }
  for (const jti of rows.keys()) fault(`decision ${jti} has no event`)
}

async function differencesFromToken({ keyring, vouched }: Signers, row: Row): Promise<string[]> {
  const claims =
    (await keyring.verify(row.token).catch(() => undefined)) ?? (await vouchedClaims(vouched, row.jti, row.token))
  if (!claims || !isCanonicalBase64(row.token))
    return [`its token is not signed with any known key${namedSigner(row.token)}`]
  const { jti, gate, person, decision, proposalDigest, targets, nextCause, comment, breakGlass } = claims
  return differing(row, {
    jti,
    gate,
    person,
    decision,
    proposal_digest: proposalDigest,
    targets: targets ?? null,
    next_cause: nextCause ?? false,
    comment: comment ?? null,
    break_glass: breakGlass ?? null,
  }).map((name) => `its token (${name})`)
}

/**
 * The name of the key in a token proves nothing, because the person who signed the token wrote the name too. The name only shows which key
 * to search for.
 */
function namedSigner(token: string): string {
  const key = signerNamedIn(token)
  return key === undefined
    ? ''
    : ` (it names ${key}. If this was a key of the engine or of the person, list it in the configuration, or compare with a checkpoint that was made while it was listed)`
}

/** Decoding ignores some bits of the last base64 character. Comparing the encoded text finds a change of these bits too. */
function isCanonicalBase64(token: string): boolean {
  return token.split('.').every((part) => Buffer.from(part, 'base64url').toString('base64url') === part)
}
