import type { PlanRemedy, Risk } from './plan.ts'
import type { PolicyTerms } from './policy.ts'
import type { ProposedApproval } from './proposal.ts'

const HOUR_MS = 3_600_000

/** What the approval of a proposal depends on besides the runbook. */
export interface ApprovalSurroundings {
  risk: Risk
  escalateTo: string[]
  inPart: boolean
  /** Whether `auto` in the configuration allows every action. */
  isAutoAllowed: boolean
  requesterMayApprove: boolean
  /** What the policy demands; undefined if no rule matches. */
  terms: PolicyTerms | undefined
}

/**
 * The approval that is really required: the stricter of what the runbook asks for and what the configuration demands. The groups of the
 * policy are kept apart from the runbook's: a person must satisfy both.
 */
export function effectiveApproval(
  asked: PlanRemedy['approval'],
  { risk, escalateTo, inPart, isAutoAllowed, requesterMayApprove, terms }: ApprovalSurroundings,
): { stored: ProposedApproval; withinMs: number } {
  const excludeRequester = risk === 'high' || !requesterMayApprove || terms?.excludeRequester === true
  const common = { excludeRequester, escalateTo, inPart, ...(terms ? { policy: terms } : {}) }
  if (!asked.auto) {
    const { by, validForMs, onTimeout, withinMs, strength } = asked
    const own = strength === undefined ? {} : { strength }
    return {
      stored: { auto: false, by, count: leastCount(asked.count, terms), validForMs, onTimeout, ...own, ...common },
      withinMs,
    }
  }
  const auto = isAutoAllowed && !terms
  const by = auto ? [] : insteadOfAuto(escalateTo, terms)
  const stored = { auto, by, count: leastCount(1, terms), validForMs: HOUR_MS, onTimeout: 'reject' as const, ...common }
  return { stored, withinMs: HOUR_MS }
}

/** How many distinct people must approve. */
export function leastCount(asked: number, terms: PolicyTerms | undefined): number {
  return terms ? Math.max(asked, terms.count) : asked
}

/** Who decides on a remedy with `approval: auto` that the configuration does not allow without a person. */
export function insteadOfAuto(escalateTo: string[], terms: PolicyTerms | undefined): string[] {
  return terms && terms.groups.length > 0 ? [...new Set(terms.groups.flat())] : escalateTo
}
