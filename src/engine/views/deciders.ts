import type { Person } from '../../core/person.ts'
import { ineligible, type DecisionContext } from '../../gate/eligible.ts'
import { readDecidedIncident, readShownGates, type GateRow } from '../../gate/gates.ts'
import { demandedTerms, needsMorePeople, termsInForce } from '../../gate/policy-terms.ts'
import type { Queryable } from '../../history/database.ts'
import type { Engine } from '../engine.ts'
import { decidersOf } from '../people.ts'

/** Who may decide on an open gate. The rules are those by which a decision is accepted. */
export interface GateDeciders {
  /** Why the reader may not approve; null if they may. */
  mayNotApprove: string | null
  mayNotReject: string | null
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
  const context: DecisionContext = {
    incident: await readDecidedIncident(db, gate.incident),
    gate,
    now: new Date(),
    terms: demandedTerms(proposal, await termsInForce(db, engine.config.policy, proposal)),
    deciders: decidersOf(engine),
  }
  const refusal = (person: Person, decision: 'approve' | 'reject') =>
    ineligible(context, { claims: { decision }, isOwnKey: false }, person) ?? null
  const tooFew = needsMorePeople(proposal, context.terms)
  const mayApprove =
    tooFew !== undefined ? [] : Object.values(engine.people).filter((person) => refusal(person, 'approve') === null)
  return {
    mayNotApprove: refusal(reader, 'approve') ?? tooFew ?? null,
    mayNotReject: refusal(reader, 'reject'),
    others: mayApprove.map(({ name }) => name).filter((name) => name !== reader.name),
  }
}

/** Why nobody can approve the open proposal of an incident; null if there is none, or if people can. */
export async function whyNobodyCanApprove(
  { database, config }: Pick<Engine, 'database' | 'config'>,
  incident: string,
): Promise<string | null> {
  const gate = (await readShownGates(database, incident)).gates.find(({ state }) => state === 'open')
  if (!gate) return null
  const inForce = await termsInForce(database, config.policy, gate.proposal)
  return needsMorePeople(gate.proposal, demandedTerms(gate.proposal, inForce)) ?? null
}
