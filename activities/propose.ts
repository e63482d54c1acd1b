import type { Proposal, ProposedAction } from '../src/core/proposal.ts'
import { openGate } from '../src/gate/open-gate.ts'
import { readIncident } from '../src/history/incidents.ts'
import type { Proposed, ProposalDraft } from '../src/interpreter/host.ts'
import { kindNamed } from '../src/language/kinds/table.ts'
import type { ActivityDependencies } from './dependencies.ts'
import { previewAction } from './preview-action.ts'

/**
 * Turns a draft into the proposal: looks, read-only, at what each action would change, then stores and digests it and opens the
 * gate. What the configuration forbids to go unapproved waits for a person here, whatever the runbook says.
 */
export async function propose(
  dependencies: ActivityDependencies,
  incident: string,
  draft: ProposalDraft,
  signal: AbortSignal,
): Promise<Proposed> {
  const { database, targets } = dependencies
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
  const { findings, escalateTo } = draft
  const opened = await openGate(database, {
    proposal,
    findings,
    escalateTo,
    onTimeout: approval.onTimeout,
    withinMs: approval.withinMs,
  })
  return opened.opened ? { opened: true, gate: opened.gate, proposalDigest: opened.proposalDigest } : opened
}

const HOUR_MS = 3_600_000

function effectiveApproval({ auto, requesterMayApprove }: ActivityDependencies, draft: ProposalDraft) {
  const { approval } = draft
  const excludeRequester = draft.risk === 'high' || !requesterMayApprove
  if (!approval.auto) {
    const { by, count, validForMs, onTimeout, withinMs } = approval
    return { stored: { auto: false, by, count, excludeRequester, validForMs }, onTimeout, withinMs }
  }
  const permitted = draft.actions.every(
    (action) =>
      needsNoApproval(action.kind) ||
      auto.some((one) => one.kind === action.kind && one.connection === action.with.connection),
  )
  const stored = {
    auto: permitted,
    by: permitted ? [] : draft.escalateTo,
    count: 1,
    excludeRequester,
    validForMs: HOUR_MS,
  }
  return { stored, onTimeout: 'reject' as const, withinMs: HOUR_MS }
}

function needsNoApproval(kind: string): boolean {
  const access = kindNamed(kind)?.access
  return access === 'message' || access === 'person'
}
