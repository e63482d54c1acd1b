import { defined } from '../../core/defined.ts'
import { kindOfAction } from '../../core/effect.ts'
import type { JsonObject } from '../../core/json.ts'
import { parseCheckPlace } from '../../core/place.ts'
import type { Phase, Scenario } from '../../language/scenarios/scenario.ts'
import type { ProposalDraft } from '../host.ts'
import { allowsPartialApproval } from '../render.ts'
import type { Decision, ProposalTimes, Sample, Situation, World } from '../simulated-world.ts'

export interface ScenarioWorld extends World {
  /** Checks that ran although the scenario gives no result for them, with the place of the first run. */
  readonly missingChecks: Map<string, string>
  /** Rounds in which the scenario approves a subset of the targets although only all of them can be approved. */
  readonly invalidSubsets: number[]
  /** Targets that the scenario approves but that were not proposed. */
  readonly unknownTargets: { round: number; target: string }[]
}

export interface WorldOptions {
  /** Whether the world stays unchanged after the first effect. */
  frozen?: boolean
}

/** In a world that stays unchanged after the first effect, phases of these kinds never begin. */
const AFTER_THE_WRITE: readonly Phase['from'][] = ['applied', 'waiting', 'verifying']

/** The world that a scenario describes. */
export function scenarioWorld(scenario: Scenario, { frozen = false }: WorldOptions = {}): ScenarioWorld {
  const missingChecks = new Map<string, string>()
  const unknownTargets: ScenarioWorld['unknownTargets'] = []
  const invalidSubsets: number[] = []
  /** How often a re-check was too old, by the round and the action with its target. */
  const stale = new Map<string, number>()
  return {
    missingChecks,
    invalidSubsets,
    unknownTargets,
    check(name, sample) {
      const phases = phasesOf(scenario, name, sample)
      if (!phases) {
        const fullName = nameInRemedy(name, sample) ?? name
        if (!missingChecks.has(fullName)) missingChecks.set(fullName, sample.place)
        return { failed: 'the scenario gives no result for this check' }
      }
      const appliedAt = frozen ? firstApplied(sample.proposals) : undefined
      const now = appliedAt ?? sample.now
      const begun = phases.filter((phase) => {
        if (appliedAt !== undefined && AFTER_THE_WRITE.includes(phase.from)) return false
        const at = startOf(phase, sample)
        return at !== undefined && now >= at
      })
      return begun.at(-1)?.result ?? ({ failed: 'the scenario gives no result for this time' } satisfies JsonObject)
    },
    nextChange(situation) {
      const starts = [...scenario.checks.values()].flat().map((phase) => startOf(phase, situation))
      return Math.min(...starts.filter((at) => at !== undefined && at > situation.now).map(Number))
    },
    decide(draft) {
      const chosen = scenario.decisions[draft.round - 1]
      for (const target of chosen?.targets ?? [])
        if (!draft.targets.some(({ key }) => key === target)) unknownTargets.push({ round: draft.round, target })
      const isSubset = chosen?.targets !== undefined && draft.targets.some(({ key }) => !chosen.targets!.includes(key))
      if (chosen?.decision === 'approve' && isSubset && !allowsPartialApproval(draft.actions))
        invalidSubsets.push(draft.round)
      return chosen ? decisionOf(chosen) : { approve: 'all' }
    },
    effect(action, round) {
      const rule = scenario.effects.find((one) => applies(one, action, round))
      if (!rule) return 'applied'
      const one = `${round} ${action.id}/${action.target}`
      const before = stale.get(one) ?? 0
      if (before < (rule.stale ?? 0)) {
        stale.set(one, before + 1)
        return 'stale'
      }
      // Only a manual action can be reported too late. Every other action has an effect, which may be unknown.
      if (rule.result === 'timeout') return action.access === 'person' ? 'waiting' : 'applied'
      return defined({ result: rule.result, observed: rule.observed })
    },
  }
}

/** A result that is given for `remedy/check` has precedence over a result that is given for the check's name alone. */
function phasesOf(scenario: Scenario, name: string, sample: Sample): Phase[] | undefined {
  const fullName = nameInRemedy(name, sample)
  return (fullName === undefined ? undefined : scenario.checks.get(fullName)) ?? scenario.checks.get(name)
}

/** The name of a check that belongs to a remedy, with the remedy's name: `fail-runs/after`. Undefined for a check of the diagnosis. */
function nameInRemedy(name: string, { place, proposals }: Sample): string | undefined {
  const at = parseCheckPlace(place)?.stage.at
  return at === 'verify' || at === 'wait' ? `${proposals.at(-1)?.remedy}/${name}` : undefined
}

/** When a phase begins; undefined if that is not known yet. */
function startOf(
  { from, remedy, round, action, afterMs }: Phase,
  { proposals, roundStarts }: Pick<Situation, 'proposals' | 'roundStarts'>,
): number | undefined {
  if (from === 'opened') {
    const at = roundStarts[(round ?? 1) - 1]
    return at === undefined ? undefined : at + afterMs
  }
  const times = proposals
    .filter((one) => (remedy === undefined || one.remedy === remedy) && (round === undefined || one.round === round))
    .flatMap((one) => startsIn(one, from, action))
  return times.length === 0 ? undefined : Math.min(...times) + afterMs
}

/** When phases of this kind begin in one proposal; empty if they have not begun. */
function startsIn(times: ProposalTimes, from: Exclude<Phase['from'], 'opened'>, action: string | undefined): number[] {
  if (from === 'proposed') return [times.proposedAt]
  if (from === 'waiting')
    return Object.entries(times.waitingAt)
      .filter(([id]) => action === undefined || isAction(action, id))
      .map(([, at]) => at)
  const at = { stale: times.staleAt, applied: times.appliedAt, verifying: times.verifyingAt }[from]
  return at === undefined ? [] : [at]
}

/** Whether `wanted`, which is a kind or an id, names the action with this id. */
function isAction(wanted: string, id: string): boolean {
  return wanted === id || wanted === kindOfAction(id)
}

function firstApplied(proposals: readonly ProposalTimes[]): number | undefined {
  return proposals.find(({ appliedAt }) => appliedAt !== undefined)?.appliedAt
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
    case 'withdraw':
      return { over: 'withdrawn', afterMs }
    case 'lapse':
      return { over: 'lapsed', afterMs }
  }
}

function applies(rule: Scenario['effects'][number], action: ProposalDraft['actions'][number], round: number): boolean {
  return (
    (rule.action === undefined || isAction(rule.action, action.id)) &&
    (rule.target === undefined || rule.target === action.target) &&
    (rule.round === undefined || rule.round === round)
  )
}
