import type { JsonObject } from '../../core/json.ts'
import { parseCheckPlace } from '../../core/place.ts'
import type { Phase, Scenario } from '../../language/scenarios/scenario.ts'
import type { ProposalDraft } from '../host.ts'
import { allowsPartialApproval } from '../render.ts'
import type { Decision, Look, Moment, World } from '../simulator.ts'

export interface ScenarioWorld extends World {
  /** Checks that were looked at and of which the scenario says nothing, with the place of the first look. */
  readonly unknown: Map<string, string>
  /** Rounds in which a part was approved of what is approved as a whole. */
  readonly parts: number[]
  /** Approved targets that were not proposed. */
  readonly unknownTargets: { round: number; target: string }[]
}

export interface WorldOptions {
  /** From the moment when a remedy was first applied nothing changes any more. */
  frozen?: boolean
}

/** The world as a scenario describes it. */
export function worldOf(scenario: Scenario, { frozen = false }: WorldOptions = {}): ScenarioWorld {
  const unknown = new Map<string, string>()
  const unknownTargets: ScenarioWorld['unknownTargets'] = []
  const parts: number[] = []
  return {
    unknown,
    parts,
    unknownTargets,
    check(name, look) {
      const phases = phasesOf(scenario, name, look)
      if (!phases) {
        const whole = ofRemedy(name, look) ?? name
        if (!unknown.has(whole)) unknown.set(whole, look.place)
        return { failed: 'the scenario says nothing of this check' }
      }
      const appliedAt = frozen ? firstApplied(look.moments) : undefined
      const now = appliedAt ?? look.now
      const begun = phases.filter((phase) => {
        if (appliedAt !== undefined && phase.from === 'applied') return false
        const at = begins(phase, look)
        return at !== undefined && now >= at
      })
      return begun.at(-1)?.result ?? ({ failed: 'nothing is given for this moment' } satisfies JsonObject)
    },
    nextChange(look) {
      const begin = [...scenario.checks.values()].flat().map((phase) => begins(phase, look))
      return Math.min(...begin.filter((at) => at !== undefined && at > look.now).map(Number))
    },
    decide(draft) {
      const chosen = scenario.decisions[draft.round - 1]
      for (const target of chosen?.targets ?? [])
        if (!draft.targets.some(({ key }) => key === target)) unknownTargets.push({ round: draft.round, target })
      const isPart = chosen?.targets !== undefined && draft.targets.some(({ key }) => !chosen.targets!.includes(key))
      if (chosen?.decision === 'approve' && isPart && !allowsPartialApproval(draft.actions)) parts.push(draft.round)
      return chosen ? decisionOf(chosen) : { approve: 'all' }
    },
    effect(action, round) {
      const rule = scenario.effects.find((one) => applies(one, action, round))
      return rule ? { result: rule.result, ...(rule.observed ? { observed: rule.observed } : {}) } : 'applied'
    },
  }
}

/** What is given for a remedy's own check goes before what is given for its name. */
function phasesOf(scenario: Scenario, name: string, look: Look): Phase[] | undefined {
  const whole = ofRemedy(name, look)
  return (whole === undefined ? undefined : scenario.checks.get(whole)) ?? scenario.checks.get(name)
}

/** The whole name of a remedy's own check: `fail-runs/after`. */
function ofRemedy(name: string, { place, moments }: Look): string | undefined {
  const at = parseCheckPlace(place)?.stage.at
  return at === 'verify' || at === 'wait' ? `${moments.at(-1)?.remedy}/${name}` : undefined
}

function begins(
  { from, remedy, round, afterMs }: Phase,
  { moments, began }: Pick<Look, 'moments' | 'began'>,
): number | undefined {
  if (from === 'opened') {
    const at = began[(round ?? 1) - 1]
    return at === undefined ? undefined : at + afterMs
  }
  const times = moments
    .filter((one) => (remedy === undefined || one.remedy === remedy) && (round === undefined || one.round === round))
    .flatMap((one) => (from === 'proposed' ? one.proposedAt : (one.appliedAt ?? [])))
  return times.length === 0 ? undefined : Math.min(...times) + afterMs
}

function firstApplied(moments: readonly Moment[]): number | undefined {
  return moments.find(({ appliedAt }) => appliedAt !== undefined)?.appliedAt
}

function decisionOf({ decision, targets, afterMs }: Scenario['decisions'][number]): Decision {
  switch (decision) {
    case 'approve':
      return { approve: targets ?? 'all', afterMs }
    case 'reject':
      return { reject: true, afterMs }
    case 'next-cause':
      return { reject: true, nextCause: true, afterMs }
    case 'timeout':
      return { silent: true }
    case 'cancel':
      return { cancel: true, afterMs }
  }
}

function applies(rule: Scenario['effects'][number], action: ProposalDraft['actions'][number], round: number): boolean {
  return (
    (rule.action === undefined || rule.action === action.kind) &&
    (rule.target === undefined || rule.target === action.target) &&
    (rule.round === undefined || rule.round === round)
  )
}
