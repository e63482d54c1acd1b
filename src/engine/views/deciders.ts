import type { Person } from '../../core/person.ts'
import type { Config } from '../../config/config.ts'
import type { Proposal } from '../../core/proposal.ts'
import type { Strength } from '../../core/strength.ts'
import { decidedSubject, demandedStrength, ineligible, type DecisionContext } from '../../gate/eligible.ts'
import { readDecidedIncident, readShownGates, type GateRow } from '../../gate/gates.ts'
import { demandedTerms, needsMorePeople, termsInForce } from '../../gate/policy-terms.ts'
import type { Queryable } from '../../history/database.ts'
import type { Engine } from '../engine.ts'
import { decidersOf } from '../people.ts'

/** Who may decide on an open gate. The rules are those by which a decision is accepted. */
export interface GateDeciders {
  /** The name of the person who reads. */
  reader: string
  /** Why the reader may not approve; null if they may. */
  mayNotApprove: string | null
  mayNotReject: string | null
  /** Whether an approval needs a passkey, and the reader has registered none for the address of the pages. */
  lacksPasskey: boolean
  /** The other configured people who may approve. People who are known only to the identity provider are not in this list. */
  others: string[]
}

export async function gateDeciders(
  db: Queryable,
  engine: Pick<Engine, 'people' | 'config'>,
  gate: GateRow,
  reader: Person,
): Promise<GateDeciders> {
  const { proposal } = gate
  const incident = await readDecidedIncident(db, gate.incident)
  const deciders = decidersOf(engine)
  const context: DecisionContext = {
    incident,
    gate,
    now: new Date(),
    terms: demandedTerms(proposal, await termsInForce(db, engine.config.policy, proposal)),
    subject: await decidedSubject(db, deciders, incident),
    deciders,
  }
  const demanded = demandedStrength(gate, context.terms)
  const keyed = demanded === 'login' ? new Set<string>() : await peopleWithPasskeys(db, engine.config)
  const refusal = (
    person: Person,
    decision: 'approve' | 'reject',
    strength: Strength = keyed.has(person.name) ? 'passkey' : 'login',
  ) => ineligible(context, { claims: { decision }, strength }, person) ?? null
  const tooFew = needsMorePeople(proposal, context.terms)
  const mayApprove =
    tooFew !== undefined ? [] : Object.values(engine.people).filter((person) => refusal(person, 'approve') === null)
  const lacksPasskey =
    demanded === 'passkey' && !keyed.has(reader.name) && refusal(reader, 'approve', 'passkey') === null
  return {
    reader: reader.name,
    mayNotApprove: lacksPasskey ? NO_PASSKEY : (refusal(reader, 'approve') ?? tooFew ?? null),
    mayNotReject: refusal(reader, 'reject'),
    lacksPasskey,
    others: mayApprove.map(({ name }) => name).filter((name) => name !== reader.name),
  }
}

/** Why nobody can approve the open proposal of an incident; null if there is none, or if people can. */
export async function whyNobodyCanApprove(
  { database, config }: Pick<Engine, 'database' | 'config'>,
  incident: string,
): Promise<string | null> {
  const gate = (await readShownGates(database, incident)).gates.find(({ stateNow }) => stateNow === 'open')
  if (!gate) return null
  const inForce = await termsInForce(database, config.policy, gate.proposal)
  return needsMorePeople(gate.proposal, demandedTerms(gate.proposal, inForce)) ?? null
}

const NO_PASSKEY = 'an approval needs a passkey, and you have registered none: register one on the page "My account"'

/** How an approval of this proposal must be proved now. */
export async function strengthFor(
  { database, config }: Pick<Engine, 'database' | 'config'>,
  proposal: Proposal,
): Promise<Strength> {
  const terms = demandedTerms(proposal, await termsInForce(database, config.policy, proposal))
  return demandedStrength({ proposal }, terms)
}

/** The people who have a passkey that a browser can use at the address of the pages. */
async function peopleWithPasskeys(db: Queryable, { url }: Config): Promise<Set<string>> {
  if (url === undefined) return new Set()
  const found = await db.query<{ person: string }>(
    'SELECT DISTINCT person FROM runbook.passkeys WHERE removed_at IS NULL AND origin = $1',
    [new URL(url).origin],
  )
  return new Set(found.rows.map(({ person }) => person))
}
