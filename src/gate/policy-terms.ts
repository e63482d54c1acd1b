import { RunbookError } from '../core/errors.ts'
import { policyAction, policyName, policyTerms, stricterTerms, type Policy, type PolicyTerms } from '../core/policy.ts'
import type { Proposal } from '../core/proposal.ts'
import { STRENGTHS } from '../core/strength.ts'
import type { Queryable } from '../history/database.ts'
import { readAuthors } from '../history/plans.ts'
import { requiredApprovals } from './gates.ts'

/** The demands of the present policy on a proposal's approval; undefined if no rule matches. */
export async function termsInForce(
  db: Queryable,
  policy: Policy,
  { risk, actions, planDigest }: Pick<Proposal, 'risk' | 'planDigest'> & { actions: PolicyActions },
): Promise<PolicyTerms | undefined> {
  const terms = policyTerms(policy, risk, actions.map(policyAction))
  return terms?.excludeAuthor ? { ...terms, authors: await readAuthors(db, planDigest) } : terms
}

type PolicyActions = Parameters<typeof policyAction>[0][]

/**
 * The demands on the approval of a stored proposal: the demands when the gate opened, and the present demands (`inForce`). If the policy
 * was made weaker, an open gate keeps its demands, and a stored proposal without terms must still satisfy the policy.
 */
export function demandedTerms(
  { gate, approval: { policy: stored } }: Pick<Proposal, 'gate' | 'approval'>,
  inForce: PolicyTerms | undefined,
): PolicyTerms | undefined {
  if (stored !== undefined && !isTerms(stored))
    throw new RunbookError(
      'RUNBOOK_REFUSED',
      `${gate}: the stored terms of the policy are not valid, so the proposal was not made by this engine. Run "runbook audit verify"`,
    )
  return stricterTerms(stored, inForce)
}

/**
 * Why nobody can approve a stored proposal any more: the policy demands more people than when the gate opened. Undefined if it does not.
 */
export function needsMorePeople(proposal: Proposal, terms: PolicyTerms | undefined): string | undefined {
  if (!terms || terms.count <= requiredApprovals(proposal)) return undefined
  return `${policyName(terms)} now demands ${terms.count} people, more than when this was proposed: end the incident with "runbook cancel" and open it again`
}

/** Whether stored terms have the fields of `PolicyTerms`, because a row of the database can hold anything. */
export function isTerms(stored: Partial<PolicyTerms> | null): boolean {
  if (stored === null) return false
  const { rules, groups, count, excludeRequester, excludeAuthor, strength, breakGlass, authors = [] } = stored
  return (
    [rules, authors, ...(Array.isArray(groups) ? groups : [groups])].every(isTexts) &&
    Number.isInteger(count) &&
    [excludeRequester, excludeAuthor, breakGlass].every((flag) => typeof flag === 'boolean') &&
    STRENGTHS.some((known) => known === strength)
  )
}

function isTexts(list: unknown): boolean {
  return Array.isArray(list) && list.every((text) => typeof text === 'string')
}
