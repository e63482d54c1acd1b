import { signerNamedIn, type Keyring } from '../../gate/keyring.ts'
import type { DecisionClaims } from '../../gate/decision-schema.ts'
import { readPasskey, registrationText, whyNotSigned } from '../../gate/passkeys.ts'
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
    const wrong = await differencesFromToken(db, signers, row, event.data.passkey)
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

async function differencesFromToken(
  db: Queryable,
  { keyring, vouched }: Signers,
  row: Row,
  passkey: string | undefined,
): Promise<string[]> {
  const known = await keyring.verify(row.token).catch(() => undefined)
  const claims = known ?? (await vouchedClaims(vouched, row.jti, row.token))
  if (!claims || !isCanonicalBase64(row.token)) return [`its token, which no known key signed${namedSigner(row.token)}`]
  const { jti, gate, person, decision, proposalDigest, targets, nextCause, comment, breakGlass } = claims
  const differences = differing(row, {
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
  if (claims.passkey?.id !== passkey) differences.push('its event (passkey)')
  const why = claims.passkey && (await whyNotByPasskey(db, known && keyring, claims))
  return why === undefined ? differences : [...differences, `its passkey (${why})`]
}

/**
 * Why the passkey did not sign the decision. A passkey that was removed later counts. Where only a checkpoint vouches for the token, the
 * key that signed the registration may be gone, and the token's own key was verified by the checkpoint.
 */
async function whyNotByPasskey(
  db: Queryable,
  keyring: Keyring | undefined,
  claims: DecisionClaims,
): Promise<string | undefined> {
  const passkey = await readPasskey(db, claims.passkey!.id)
  const isRegistered = !passkey || !keyring || keyring.verifyText(registrationText(passkey), passkey.signature)
  return isRegistered ? whyNotSigned(claims, passkey) : 'this engine did not register it for this person'
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
