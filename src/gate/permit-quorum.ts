import { describeTerms, type PolicyTerms } from '../core/policy.ts'
import { ALL_TARGETS } from '../core/proposal.ts'
import type { Connection, Database } from '../history/database.ts'
import { deciderOf } from './deciders.ts'
import { decidedSubject, ineligible } from './eligible.ts'
import { approvedTargets, readDecisions, type GateRow, type LockedIncident, type Vote } from './gates.ts'
import type { Keyring } from './keyring.ts'
import { prove, removedPasskeys, type ProvenClaims } from './passkeys.ts'
import type { PermitRules } from './permit-request.ts'

/** The decisions on a gate whose signatures are valid, of passkeys too, whatever else their rows say. */
export async function verifiedDecisions(database: Database, keyring: Keyring, gate: string): Promise<ProvenClaims[]> {
  const rows = await readDecisions(database, gate)
  const verified = await Promise.all(
    rows.map(async ({ token }) => {
      const signed = await keyring.examine(token).catch(() => undefined)
      const proven = signed && (await prove(database, keyring, signed, 'stored'))
      return typeof proven === 'string' ? undefined : proven
    }),
  )
  return verified.flatMap((one, i) => (one && one.claims.jti === rows[i]!.jti ? [one] : []))
}

interface Asked {
  incident: LockedIncident
  gate: GateRow
  now: Date
  verified: ProvenClaims[]
  target: string
  /** The demands of the policy on this approval. */
  terms: PolicyTerms | undefined
}

/** Why no sufficient approval covers the target now; undefined if one does. */
export async function notApproved(
  connection: Connection,
  rules: PermitRules,
  asked: Asked,
): Promise<string | undefined> {
  const { gate, target, terms } = asked
  const { proposal } = gate
  const keys = proposal.targets.map((one) => one.key)
  const proposed = target === ALL_TARGETS ? keys : keys.filter((key) => key === target)
  const demand = terms ? ` (${describeTerms(terms)})` : ''
  if (proposal.approval.auto) {
    if (terms)
      return `the remedy was proposed to be applied without an approval, which the policy no longer allows${demand}`
    const isAllowed = proposed.length > 0 && proposal.actions.every((one) => rules.isAutoApproved(one))
    return isAllowed ? undefined : 'the configuration does not allow the remedy to be applied without an approval'
  }
  const covered = approvedTargets(proposal, await countedVotes(connection, rules, asked), terms?.count)
  // An action that is done once for all targets needs the approval of every target. (In a remedy without `for`, the
  // only target has the key `-`.)
  if (proposed.length > 0 && proposed.every((key) => covered.includes(key))) return undefined
  return `no quorum of signed approvals covers target ${target} of this proposal${demand}`
}

/** The decisions that count: not withdrawn, about exactly this proposal, by people who may decide now. */
async function countedVotes(
  connection: Connection,
  rules: PermitRules,
  { incident, gate, now, verified, terms }: Asked,
): Promise<Vote[]> {
  const live = new Set(
    (await readDecisions(connection, gate.id)).filter((one) => one.withdrawnAt === null).map((one) => one.jti),
  )
  // Signatures were verified before this transaction waited for its locks. A person may have removed a passkey since.
  const removed = await removedPasskeys(
    connection,
    verified.flatMap(({ claims }) => claims.passkey?.id ?? []),
  )
  const subject = await decidedSubject(connection, rules, incident)
  const mayDecide = (signed: ProvenClaims) => {
    const person = deciderOf(rules, signed.claims)
    const context = { incident, gate, now, terms, subject, deciders: rules }
    return person !== undefined && ineligible(context, signed, person) === undefined
  }
  return verified
    .filter(
      ({ claims }) => live.has(claims.jti) && claims.gate === gate.id && claims.proposalDigest === gate.proposalDigest,
    )
    .filter(({ claims }) => claims.passkey === undefined || !removed.has(claims.passkey.id))
    .filter(mayDecide)
    .map(({ claims: { person, decision, targets = null, breakGlass = null } }) => ({
      person,
      decision,
      targets,
      breakGlass,
    }))
}
