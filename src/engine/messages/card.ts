import type { GateCard } from '../../channels/slack-blocks.ts'
import { scrubSecrets } from '../../config/secret.ts'
import { defined } from '../../core/defined.ts'
import { isRunbookError } from '../../core/errors.ts'
import { visibleLine, visibleLines } from '../../core/displayable.ts'
import { hasNextCause } from '../../core/incident.ts'
import { formatPlace } from '../../core/place.ts'
import { environmentsOf, policyAction } from '../../core/policy.ts'
import { readDecisions, requiredApprovals, whyInState, type DecisionRow, type GateRow } from '../../gate/gates.ts'
import type { Database } from '../../history/database.ts'
import { readIncident, type IncidentRow } from '../../history/incidents.ts'
import type { Engine } from '../engine.ts'
import { strengthFor } from '../views/deciders.ts'
import { countEffects } from './applied.ts'
import { proposalLines } from './compose.ts'
import { statementLines } from './statements.ts'
import { gateOf, readEventAt } from './stored.ts'

/** What is known about a gate now: who decided, what was applied, and how the incident ended. Undefined if the gate cannot be read. */
export async function readCard(
  engine: Pick<Engine, 'database' | 'config'>,
  gateName: string,
): Promise<GateCard | undefined> {
  const { database, config } = engine
  const gate = await gateOf(database, gateName)
  if (!gate) return undefined
  const { proposal } = gate
  const incident = await readIncident(database, gate.incident)
  const found = await readEventAt(database, gate.incident, formatPlace({ kind: 'findings', round: gate.round }))
  const decisions = (await readDecisions(database, gate.id)).filter(({ withdrawnAt }) => withdrawnAt === null)
  const isOpen = gate.stateNow === 'open'
  const why = whyInState(gate)
  const lines = [
    `${proposal.cause}: ${proposal.because}`,
    ...proposalLines(proposal),
    ...statementLines(incident.id, proposal.actions),
    ...decisions.map(decisionLine),
    isOpen ? openLine(gate, decisions) : `${gate.id} is ${gate.stateNow}${why ? `: ${why}` : ''}`,
    ...(await laterLines(database, incident, gate)),
  ]
  return {
    gate: gate.id,
    proposalDigest: gate.proposalDigest,
    title: shown(visibleLine(`${incident.id}: ${titleStart(gate, decisions, isOpen)}: ${proposal.title}`)),
    lines: lines.map((line) => shown(visibleLines(line))).filter((line) => line !== ''),
    remedy: shown(visibleLine(proposal.title)),
    targets: proposal.targets.map(({ key }) => shown(visibleLine(key))),
    environments: environmentsOf(config.policy, proposal.actions.map(policyAction)),
    isOpen,
    hasNextCause: found?.kind === 'findings' && hasNextCause(found.data.findings, proposal.cause),
    ...defined({
      noButtons: await whyNoButtons(engine, gate),
      link: config.url === undefined ? undefined : `${config.url}/incidents/${incident.id}`,
    }),
  }
}

function shown(text: string): string {
  return scrubSecrets(text)
}

function titleStart({ stateNow: state }: GateRow, decisions: DecisionRow[], isOpen: boolean): string {
  if (isOpen) return 'needs a decision'
  const verb = state === 'approved' ? 'approve' : 'reject'
  const by = decisions.filter(({ decision }) => decision === verb).map(({ person }) => person)
  return (state === 'approved' || state === 'rejected') && by.length > 0 ? `${state} by ${by.join(', ')}` : state
}

function decisionLine({ person, decision, comment, nextCause, breakGlass }: DecisionRow): string {
  const verb = decision === 'approve' ? 'approved' : nextCause ? 'rejected (next cause)' : 'rejected'
  return `${person} ${verb}${breakGlass === null ? '' : ' alone (break-glass)'}${comment ? `: ${comment}` : ''}`
}

function openLine(gate: GateRow, decisions: DecisionRow[]): string {
  const approvals = new Set(decisions.filter(({ decision }) => decision === 'approve').map(({ person }) => person)).size
  const required = requiredApprovals(gate.proposal)
  const until = gate.expiresAt.toISOString().slice(0, 16).replace('T', ' ')
  const counted = required > 1 ? `${approvals} of ${required} approvals, ` : ''
  return `${counted}until ${until} UTC, by ${gate.proposal.approval.by.join(', ')}`
}

/** Describes what happened after the decision. */
async function laterLines(
  database: Database,
  { id, outcome, reason }: IncidentRow,
  { round }: GateRow,
): Promise<string[]> {
  const effects = await countEffects(database, id, round)
  const verdict = await readEventAt(database, id, formatPlace({ kind: 'verified', round }))
  const verified = verdict?.kind === 'verified' && !verdict.data.unseen ? verdict.data : undefined
  return [
    effects,
    ...(verified ? [`${verified.held ? 'verified' : 'not verified'}: ${verified.detail}`] : []),
    ...(outcome === null ? [] : [`closed: ${outcome}: ${reason ?? ''}`]),
  ]
}

/**
 * The reason why a gate cannot be decided with a button in Slack: somebody who can use a person's Slack account must not be able to approve
 * what needs a stronger sign-in.
 */
async function whyNoButtons(
  engine: Pick<Engine, 'database' | 'config'>,
  { incident, proposal }: GateRow,
): Promise<string | undefined> {
  const elsewhere = `decide on the incident's page or with "runbook approve ${incident}".`
  if (proposal.risk === 'high') return `The risk is high: ${elsewhere}`
  try {
    const strength = await strengthFor(engine, proposal)
    if (strength === 'passkey') return `An approval needs a passkey: decide on the incident's page.`
    return strength === 'signed'
      ? `An approval must be signed with the key of the person: use "runbook sign ${incident}", or reject on the incident's page.`
      : undefined
  } catch (error) {
    if (isRunbookError(error, 'RUNBOOK_REFUSED')) return error.message
    throw error
  }
}
