import { readGate } from '../../src/gate/gates.ts'
import { takePermit } from '../../src/gate/permit.ts'
import type { PermitAnswer, PermitRequest, PermitRules } from '../../src/gate/permit-request.ts'
import type { Database } from '../../src/history/database.ts'

/** Takes a permit as the executor does: for the first action that the stored proposal holds for the target. */
export async function takeProposedPermit(
  database: Database,
  rules: PermitRules,
  request: Omit<PermitRequest, 'proposalDigest' | 'action'>,
): Promise<PermitAnswer> {
  const { proposal, proposalDigest } = await readGate(database, request.gate)
  const { actions } = proposal
  // The proposal has no action for a target that was not proposed. For such a target, this function changes the target of the first action.
  const action = actions.find((one) => one.target === request.target) ?? { ...actions[0]!, target: request.target }
  return takePermit(database, rules, { ...request, proposalDigest, action })
}
