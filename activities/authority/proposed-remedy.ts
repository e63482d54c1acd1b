import { gateId } from '../../src/core/incident.ts'
import type { PlanCause, PlanRemedy } from '../../src/core/plan.ts'
import type { Proposal, ProposedAction } from '../../src/core/proposal.ts'
import { readGate } from '../../src/gate/gates.ts'
import type { Queryable } from '../../src/history/database.ts'
import type { DraftAction } from '../../src/interpreter/host.ts'
import type { RenderedTarget } from '../../src/interpreter/render.ts'
import type { Authority } from './caller.ts'
import { refuse } from './refuse.ts'

/** The proposal of a round as the gate's row holds it, with its remedy and cause from the plan. */
export interface ProposedRemedy {
  proposal: Proposal
  remedy: PlanRemedy
  cause: PlanCause
  targets: RenderedTarget[]
  /** The actions that are done once for all targets. */
  once: DraftAction[]
}

/**
 * Reads the proposal of a round. Refuses a proposal that was changed after it was stored, or that does not belong to the incident's plan.
 */
export async function proposedRemedy(
  db: Queryable,
  { incident, plan }: Authority,
  round: number,
): Promise<ProposedRemedy> {
  const { proposal, intact } = await readGate(db, gateId(incident, round))
  if (!intact) refuse(incident, `the stored proposal of round ${round} was changed`)
  const remedy = plan.remedies[proposal.remedy]
  const cause = plan.causes.find(({ name }) => name === proposal.cause)
  if (!remedy || !cause) return refuse(incident, `the plan has no remedy ${proposal.remedy} for ${proposal.cause}`)
  const once = new Set(remedy.actions.filter((action) => action.once).map(({ id }) => id))
  const ofTarget = (key: string) => proposal.actions.filter(({ id, target }) => target === key && !once.has(id))
  return {
    proposal,
    remedy,
    cause,
    targets: proposal.targets.map((target) => ({ target, actions: ofTarget(target.key).map(drafted) })),
    once: proposal.actions.filter(({ id }) => once.has(id)).map(drafted),
  }
}

function drafted({ id, kind, access, target, with: given }: ProposedAction): DraftAction {
  return { id, kind, access, target, with: given }
}
