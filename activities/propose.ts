import { RunbookError } from '../src/core/errors.ts'
import type { Proposal, ProposedAction } from '../src/core/proposal.ts'
import { openGate } from '../src/gate/open-gate.ts'
import { readIncident } from '../src/history/incidents.ts'
import type { Proposed, ProposalDraft } from '../src/interpreter/host.ts'
import { allowsPartialApproval, whyBadKey } from '../src/interpreter/render.ts'
import type { ActivityDependencies } from './dependencies.ts'
import { isAutoApproved } from './is-auto-approved.ts'
import { previewAction } from './preview-action.ts'

/**
 * Turns a draft into the proposal: previews each action read-only, then digests and stores the proposal and opens its gate. A remedy
 * with `approval: auto` waits for a person if the configuration does not permit that.
 */
export async function propose(
  dependencies: ActivityDependencies,
  incident: string,
  draft: ProposalDraft,
  signal: AbortSignal,
): Promise<Proposed> {
  const { database, targets } = dependencies
  checkKeys(draft)
  const { planDigest } = await readIncident(database, incident)
  const actions = await Promise.all(
    draft.actions.map(async (action): Promise<ProposedAction> => ({
      ...action,
      preview: await previewAction(action.kind, action.with, { targets, signal }),
    })),
  )
  const approval = effectiveApproval(dependencies, draft)
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
  })
  return opened.opened ? { opened: true, gate: opened.gate, proposalDigest: opened.proposalDigest } : opened
}

const HOUR_MS = 3_600_000

function effectiveApproval(dependencies: ActivityDependencies, draft: ProposalDraft) {
  const { approval, escalateTo } = draft
  const inPart = allowsPartialApproval(draft.actions)
  const excludeRequester = draft.risk === 'high' || !dependencies.requesterMayApprove
  if (!approval.auto) {
    const { by, count, validForMs, onTimeout, withinMs } = approval
    const stored = { auto: false, by, count, excludeRequester, validForMs, onTimeout, escalateTo, inPart }
    return { stored, withinMs }
  }
  const permitted = draft.actions.every((action) => isAutoApproved(dependencies, action))
  const stored = {
    auto: permitted,
    by: permitted ? [] : escalateTo,
    count: 1,
    excludeRequester,
    validForMs: HOUR_MS,
    onTimeout: 'reject' as const,
    escalateTo,
    inPart,
  }
  return { stored, withinMs: HOUR_MS }
}

/** The interpreter drops such targets; a draft that has one is refused before a person is asked to decide. */
function checkKeys(draft: ProposalDraft): void {
  for (const { key, lock } of draft.targets)
    for (const name of lock === undefined ? [key] : [key, lock]) {
      const why = whyBadKey(name)
      if (why !== undefined) throw new RunbookError('RUNBOOK_BAD_INPUT', `${draft.remedy}: ${why}`)
    }
}
