import { randomUUID } from 'node:crypto'
import type { GateState } from '../core/decision.ts'
import { defined } from '../core/defined.ts'
import { RunbookError } from '../core/errors.ts'
import type { NewEvent } from '../core/events.ts'
import type { Person } from '../core/person.ts'
import { formatPlace } from '../core/place.ts'
import { transaction, type Connection, type Database } from '../history/database.ts'
import { recordEvents } from '../history/record.ts'
import { deciderOf, type Deciders } from './deciders.ts'
import { readClaims, type DecisionClaims, type DecisionRequest, type PasskeySignature } from './decision-schema.ts'
import { decidedSubject, ineligible, type DecisionContext } from './eligible.ts'
import {
  approvedTargets,
  lockGate,
  readDecisions,
  readGate,
  requiredApprovals,
  type DecisionRow,
  type GateRow,
} from './gates.ts'
import type { Keyring, SignedClaims } from './keyring.ts'
import { countUse, prove, type ProvenClaims } from './passkeys.ts'
import { demandedTerms, needsMorePeople, termsInForce } from './policy-terms.ts'
import { overLimit, recordRefusal } from './tallies.ts'

export interface DecideDependencies extends Deciders {
  database: Database
  keyring: Keyring
  /** Wakes the incident's workflow, so that it reads its gate. When the signal is lost, the reconciler sends it again. */
  wakeWorkflow(incident: string, token: string): Promise<void>
}

export interface Decided {
  gate: string
  incident: string
  state: GateState
  /** The number of different people who have approved so far, and the number that is required. */
  approvals: number
  required: number
}

/** What a decision of an authenticated person is proved by besides the login. */
export interface Proof {
  /** The decision's id; one that was used before decides nothing. Default: a new one. */
  jti?: string
  /** The signature of a passkey. It covers `jti`. */
  passkey?: PasskeySignature
}

/**
 * A decision by an authenticated person: signed with the engine's key, then processed like any signed token. Throws
 * `RUNBOOK_BAD_INPUT`, `RUNBOOK_NOT_FOUND`, `RUNBOOK_NOT_ALLOWED`, `RUNBOOK_CONFLICT`.
 */
export async function decide(
  dependencies: DecideDependencies,
  person: Person,
  request: DecisionRequest,
  { jti = randomUUID(), passkey }: Proof = {},
): Promise<Decided> {
  const claims = readClaims(
    defined({
      ...request,
      comment: request.comment || undefined,
      person: person.name,
      groups: person.oidc && person.groups,
      passkey,
      iat: Math.floor(Date.now() / 1000),
      jti,
    }),
  )
  const { keyring } = dependencies
  const signed = { claims, isOwnKey: false, key: keyring.publicKey, token: await keyring.sign(claims) }
  return store(dependencies, { ...signed, isOurs: true })
}

/**
 * Records a decision that arrives as a signed token, from the workflow's signal or from `runbook sign`. For a token
 * that is stored already, it returns the stored decision.
 */
export async function decideByToken(dependencies: DecideDependencies, token: string): Promise<Decided> {
  return store(dependencies, { ...(await dependencies.keyring.examine(token)), token, isOurs: false })
}

interface SignedDecision extends SignedClaims {
  token: string
  /** Whether this call signed the token, which means that nobody else has the token. */
  isOurs: boolean
}

/** The result of the transaction: a refusal is committed with its event before it is thrown. */
type Result = { decided: Decided; fresh: boolean } | { refused: RunbookError }

async function store(dependencies: DecideDependencies, signed: SignedDecision): Promise<Decided> {
  const { claims, token, isOurs } = signed
  const person = deciderOf(dependencies, claims)
  const result = await transaction(dependencies.database, async (connection): Promise<Result> => {
    const { incident, gate, now } = await lockGate(connection, claims.gate)
    // A token from outside is stored even if the same decision is already stored with another token. Otherwise the token would stay unused,
    // and anybody who saw it could send it again after the decision was withdrawn.
    const mayRepeat = isOurs || gate.state !== 'open'
    // An approval with a passkey is stored even if the person gave the same answer before: the first one may have been without a passkey,
    // which the policy may demand now.
    const isNewProof = (one: DecisionRow) => claims.passkey !== undefined && one.jti !== claims.jti
    const isKnown = (one: DecisionRow) =>
      one.token === token || (mayRepeat && sameAnswer(one, claims) && !isNewProof(one))
    if ((await readDecisions(connection, gate.id)).some(isKnown))
      return { decided: await currentStatus(connection, gate), fresh: false }
    const { proposal } = gate
    const terms = demandedTerms(proposal, await termsInForce(connection, dependencies.policy, proposal))
    const subject = await decidedSubject(connection, dependencies, incident)
    const proven = await prove(connection, dependencies.keyring, signed, 'new')
    const refusal =
      refuse({ incident, gate, now, terms, subject, deciders: dependencies }, proven, claims, person) ??
      (await usedBefore(connection, claims)) ??
      (await tooMany(connection, incident.id, claims, dependencies))
    if (refusal) {
      await recordRefusal(connection, incident.id, denied(claims, refusal))
      return { refused: refusal }
    }
    await insertDecision(connection, claims, token)
    await countUse(connection, dependencies.keyring, claims)
    await updateGate(connection, gate, claims)
    await recordEvents(connection, incident.id, [decided(gate, claims)])
    return { decided: await currentStatus(connection, await readGate(connection, gate.id)), fresh: true }
  })
  if ('refused' in result) throw result.refused
  if (result.fresh) await dependencies.wakeWorkflow(result.decided.incident, token).catch(() => {})
  return result.decided
}

async function tooMany(
  connection: Connection,
  incident: string,
  { person }: DecisionClaims,
  { decisionsPerIncident: most }: Deciders,
): Promise<RunbookError | undefined> {
  return most === undefined ? undefined : overLimit(connection, incident, person, 'decisions', most)
}

/** The error for a token whose id was already used, on any gate. */
async function usedBefore(connection: Connection, { gate, jti }: DecisionClaims): Promise<RunbookError | undefined> {
  const found = await connection.query('SELECT 1 FROM runbook.decisions WHERE jti = $1', [jti])
  if (found.rowCount === 0) return undefined
  return new RunbookError(
    'RUNBOOK_CONFLICT',
    `${gate}: a token with this jti was already used: sign the decision again to get a new token`,
  )
}

function sameAnswer(one: DecisionRow, claims: DecisionClaims): boolean {
  const targets = (list: string[] | null | undefined) => JSON.stringify(list ? [...list].sort() : null)
  return (
    one.withdrawnAt === null &&
    one.person === claims.person &&
    one.decision === claims.decision &&
    one.proposalDigest === claims.proposalDigest &&
    one.breakGlass === (claims.breakGlass ?? null) &&
    targets(one.targets) === targets(claims.targets)
  )
}

/** Why this decision is refused; undefined when it is accepted. */
function refuse(
  context: DecisionContext & { gate: GateRow },
  proven: ProvenClaims | string,
  claims: DecisionClaims,
  person: Person | undefined,
): RunbookError | undefined {
  const { gate, terms } = context
  const conflict = (message: string) => new RunbookError('RUNBOOK_CONFLICT', `${gate.id}: ${message}`)
  const forbidden = (message: string) => new RunbookError('RUNBOOK_NOT_ALLOWED', `${gate.id}: ${message}`)
  if (!person) return forbidden(`${claims.person} is not among the configured people`)
  const why = typeof proven === 'string' ? proven : ineligible(context, proven, person)
  if (why) return forbidden(why)
  if (gate.state !== 'open')
    return conflict(`is ${gate.state}${gate.why ? ` (${gate.why})` : ''}: no decision is possible any more`)
  if (!gate.intact)
    return conflict(
      'the stored proposal was changed after it was created, so no decision on it is accepted. Run "runbook audit verify"',
    )
  if (gate.stateNow === 'cancelling') return conflict('its incident was closed or cancelled')
  if (gate.proposalDigest !== claims.proposalDigest)
    return conflict(
      `the digest does not match the current proposal (${gate.proposalDigest.slice(0, 12)}…): read the proposal again with "runbook show"`,
    )
  if (gate.stateNow === 'overdue') return conflict('expired before the decision arrived')
  const isUsual = claims.decision === 'approve' && claims.breakGlass === undefined
  const tooFew = isUsual ? needsMorePeople(gate.proposal, terms) : undefined
  if (tooFew !== undefined) return conflict(tooFew)
  const keys = gate.proposal.targets.map((target) => target.key)
  const unknownTargets = claims.targets?.filter((key) => !keys.includes(key)) ?? []
  if (unknownTargets.length > 0)
    return conflict(
      `not among the proposed targets: ${unknownTargets.join(', ')}. Proposed targets: ${keys.join(', ')}`,
    )
  const isPart = claims.targets !== undefined && keys.some((key) => !claims.targets!.includes(key))
  if (claims.decision === 'approve' && isPart && !gate.proposal.approval.inPart)
    return conflict('the remedy has an action that is done once for all targets: approve all of them, or reject')
  return undefined
}

async function insertDecision(connection: Connection, claims: DecisionClaims, token: string): Promise<void> {
  await connection.query(
    'UPDATE runbook.decisions SET withdrawn_at = clock_timestamp() WHERE gate = $1 AND person = $2 AND withdrawn_at IS NULL',
    [claims.gate, claims.person],
  )
  await connection.query(
    `INSERT INTO runbook.decisions (jti, gate, person, decision, proposal_digest, targets, next_cause, comment, token, break_glass)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
    [
      claims.jti,
      claims.gate,
      claims.person,
      claims.decision,
      claims.proposalDigest,
      claims.targets ?? null,
      claims.nextCause ?? false,
      claims.comment ?? null,
      token,
      claims.breakGlass ?? null,
    ],
  )
}

/**
 * Computes the state of the gate. One rejection ends the gate. The gate is approved when enough different people have approved the same
 * target.
 */
async function updateGate(connection: Connection, gate: GateRow, claims: DecisionClaims): Promise<void> {
  if (claims.decision === 'reject') {
    await connection.query(
      `UPDATE runbook.gates SET state = 'rejected', decided_at = clock_timestamp(), next_cause = $2, why = $3 WHERE id = $1`,
      [gate.id, claims.nextCause ?? false, claims.comment ?? null],
    )
    return
  }
  const live = (await readDecisions(connection, gate.id)).filter((one) => one.withdrawnAt === null)
  const targets = approvedTargets(gate.proposal, live)
  if (targets.length > 0)
    await connection.query(
      `UPDATE runbook.gates SET state = 'approved', decided_at = clock_timestamp(), approved_targets = $2 WHERE id = $1`,
      [gate.id, targets],
    )
}

async function currentStatus(connection: Connection, gate: GateRow): Promise<Decided> {
  const live = (await readDecisions(connection, gate.id)).filter(
    (one) => one.withdrawnAt === null && one.decision === 'approve',
  )
  const approvals = new Set(live.map((one) => one.person)).size
  return {
    gate: gate.id,
    incident: gate.incident,
    state: gate.state,
    approvals,
    required: requiredApprovals(gate.proposal),
  }
}

function decided(gate: GateRow, claims: DecisionClaims): NewEvent<'decision'> {
  const {
    person,
    decision,
    proposalDigest,
    jti,
    targets = null,
    comment,
    nextCause,
    breakGlass,
    groups,
    passkey,
  } = claims
  const data = defined({
    ...{ gate: gate.id, decision, person, proposalDigest, jti, targets, breakGlass, groups },
    comment: comment || undefined,
    nextCause: nextCause || undefined,
    passkey: passkey?.id,
  })
  return {
    place: formatPlace({ kind: 'decision', round: gate.round, jti }),
    actor: `person:${person}`,
    kind: 'decision',
    data,
  }
}

function denied(claims: DecisionClaims, refusal: RunbookError): NewEvent<'denied'> {
  const { gate, decision, person } = claims
  return {
    actor: `person:${person}`,
    kind: 'denied',
    data: { gate, decision, code: refusal.code, why: refusal.message },
  }
}
