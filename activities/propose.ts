import { effectiveApproval } from '../src/core/approval.ts'
import { RunbookError } from '../src/core/errors.ts'
import type { Proposal, ProposedAction } from '../src/core/proposal.ts'
import { resolveGateRow } from '../src/gate/gate-resolution.ts'
import { openGate } from '../src/gate/open-gate.ts'
import { termsInForce } from '../src/gate/policy-terms.ts'
import { readIncident } from '../src/history/incidents.ts'
import { endOutages } from '../src/history/outages.ts'
import type { Proposed, ProposalDraft } from '../src/interpreter/host.ts'
import { allowsPartialApproval, whyBadKey } from '../src/interpreter/render.ts'
import type { KnownObstacles } from './actions/write-obstacle.ts'
import type { Down } from './checks/run-check.ts'
import type { ActivityDependencies } from './dependencies.ts'
import { isAutoApproved } from './is-auto-approved.ts'
import { previewAction } from './preview-action.ts'
import { throwWhileDown } from './wait-while-down.ts'

/**
 * Turns a draft into a proposal: previews each action with read credentials, computes the digest, stores the proposal and opens its gate. A
 * remedy with `approval: auto` waits for a person if the configuration does not permit `auto`, or if a rule of the policy matches.
 */
export async function propose(
  dependencies: ActivityDependencies,
  incident: string,
  draft: ProposalDraft,
  signal: AbortSignal,
  mayHaveWaited = false,
): Promise<Proposed> {
  const { database, targets } = dependencies
  checkKeys(draft)
  const { planDigest } = await readIncident(database, incident)
  const down: Down[] = []
  const obstacles: KnownObstacles = new Map()
  const actions = await Promise.all(
    draft.actions.map(async (action): Promise<ProposedAction> => ({
      ...action,
      preview: await previewAction(action.kind, action.with, {
        targets,
        signal,
        obstacles,
        onDown: (why) => down.push({ connection: String(action.with['connection']), why }),
      }),
    })),
  )
  // A person must see what would change, so this activity waits for connections that are down. If they are still down after the wait, the
  // previews say what could not be read.
  const place = { incident, stage: `r${draft.round}/proposal` }
  if (down.length > 0) await throwWhileDown(dependencies, place, down)
  else if (mayHaveWaited) await endOutages(database, incident, true)
  const { approval: asked, risk, escalateTo } = draft
  const approval = effectiveApproval(asked, {
    risk,
    escalateTo,
    inPart: allowsPartialApproval(draft.actions),
    isAutoAllowed: draft.actions.every((action) => isAutoApproved(dependencies, action)),
    requesterMayApprove: dependencies.requesterMayApprove,
    terms: await termsInForce(database, dependencies.policy, { risk, planDigest, actions: draft.actions }),
  })
  const proposal: Omit<Proposal, 'proposedAt' | 'expiresAt'> = {
    gate: draft.gate,
    incident,
    round: draft.round,
    planDigest,
    remedy: draft.remedy,
    title: draft.title,
    risk: draft.risk,
    cause: draft.cause,
    because: draft.because,
    actions,
    targets: draft.targets,
    affected: draft.affected,
    limits: draft.limits,
    approval: approval.stored,
  }
  const { findings } = draft
  const opened = await openGate(database, {
    proposal,
    findings,
    withinMs: approval.withinMs,
    requesterExcluded: !dependencies.requesterMayApprove,
    policy: dependencies.policy,
  })
  if (!opened.opened) return opened
  const { gate, proposalDigest } = opened
  return { opened: true, gate, proposalDigest, gateNow: await resolveGateRow(database, gate) }
}

/** The interpreter drops targets of this kind. A draft that still has one is refused before a person is asked to decide. */
function checkKeys(draft: ProposalDraft): void {
  for (const { key, lock } of draft.targets)
    for (const name of lock === undefined ? [key] : [key, lock]) {
      const why = whyBadKey(name)
      if (why !== undefined) throw new RunbookError('RUNBOOK_BAD_INPUT', `${draft.remedy}: ${why}`)
    }
}
