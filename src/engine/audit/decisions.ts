import type { Keyring } from '../../gate/keyring.ts'
import type { Queryable } from '../../history/database.ts'
import { about, isOfGate, differing, type Recorded } from './recorded.ts'

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

/** Decisions: each row says what its signature covers, stands in the chain, and counts as long as nobody took it back. */
export async function decisionFaults(db: Queryable, keyring: Keyring, recorded: Recorded): Promise<void> {
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
      fault('its decision is missing', event.seq)
      continue
    }
    const wrong = await unlikeItsToken(keyring, row)
    if (row.gate !== event.data.gate || row.person !== event.data.person || !about(row.at, event.at))
      wrong.push('its event')
    const next = events.find(
      (later) =>
        later.seq > event.seq &&
        ((isOfGate(later, 'withdrawal', row.gate) && later.data.jti === row.jti) ||
          (isOfGate(later, 'decision', row.gate) && later.data.person === row.person)),
    )
    if (!about(row.withdrawn_at, next?.at)) wrong.push('withdrawn_at')
    if (wrong.length > 0) fault(`decision ${row.jti} of ${row.person} differs from ${wrong.join(', ')}`, event.seq)
  }
  for (const jti of rows.keys()) fault(`decision ${jti} was never recorded`)
}

async function unlikeItsToken(keyring: Keyring, row: Row): Promise<string[]> {
  const claims = await keyring.verify(row.token).catch(() => undefined)
  if (!claims || !isExact(row.token)) return ['a signature that is known here']
  const { jti, gate, person, decision, proposalDigest, targets, nextCause, comment, breakGlass } = claims
  return differing(row as unknown as Record<string, unknown>, {
    jti,
    gate,
    person,
    decision,
    proposal_digest: proposalDigest,
    targets: targets ?? null,
    next_cause: nextCause ?? false,
    comment: comment ?? null,
    break_glass: breakGlass ?? null,
  }).map((name) => `what was signed (${name})`)
}

/** The last character of base64 has bits that decoding passes over: a changed one must not go unseen. */
function isExact(token: string): boolean {
  return token.split('.').every((part) => Buffer.from(part, 'base64url').toString('base64url') === part)
}
