import { ALL_TARGETS } from '../core/proposal.ts'
import type { Connection, Database } from '../history/database.ts'
import { deciderOf } from './deciders.ts'
import type { DecisionClaims } from './decision-schema.ts'
import { ineligible } from './eligible.ts'
import { approvedTargets, readDecisions, type GateRow, type LockedIncident, type Vote } from './gates.ts'
import type { Keyring } from './keyring.ts'
import type { PermitRules } from './permit-request.ts'

interface Verified {
  jti: string
  claims: DecisionClaims
}

export async function verifiedDecisions(database: Database, keyring: Keyring, gate: string): Promise<Verified[]> {
  const rows = await readDecisions(database, gate)
  const verified = await Promise.all(rows.map((row) => keyring.verify(row.token).catch(() => undefined)))
  return verified.flatMap((claims, i) => (claims && claims.jti === rows[i]!.jti ? [{ jti: claims.jti, claims }] : []))
}

export async function isApproved(
  connection: Connection,
  rules: PermitRules,
  incident: LockedIncident,
  gate: GateRow,
  now: Date,
  verified: Verified[],
  target: string,
): Promise<boolean> {
  const { proposal } = gate
  const keys = proposal.targets.map((one) => one.key)
  const proposed = target === ALL_TARGETS ? keys : keys.filter((key) => key === target)
  if (proposal.approval.auto) return proposed.length > 0 && proposal.actions.every((one) => rules.isAutoApproved(one))
  const live = new Set(
    (await readDecisions(connection, gate.id)).filter((one) => one.withdrawnAt === null).map((one) => one.jti),
  )
  const mayDecide = (claims: DecisionClaims) => {
    const person = deciderOf(rules, claims)
    return person !== undefined && ineligible(incident, gate, now, claims, person, rules) === undefined
  }
  const signed: Vote[] = verified
    .filter(
      ({ jti, claims }) =>
        live.has(jti) && claims.gate === gate.id && claims.proposalDigest === gate.proposalDigest && mayDecide(claims),
    )
    .map(({ claims: { person, decision, targets = null, breakGlass = null } }) => ({
      person,
      decision,
      targets,
      breakGlass,
    }))
  const covered = approvedTargets(proposal, signed)
  // An action that is done once concerns all targets. (In a remedy without `for`, the only target has the key `-`.)
  return proposed.length > 0 && proposed.every((key) => covered.includes(key))
}
