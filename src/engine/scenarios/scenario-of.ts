import { canonical } from '../../core/canonical.ts'
import { formatDuration } from '../../core/duration.ts'
import { RunbookError } from '../../core/errors.ts'
import type { Json, JsonObject } from '../../core/json.ts'
import type { Plan } from '../../core/plan.ts'
import { neededFields, NOTHING_SHARED, type SharedFields } from '../../language/scenarios/needed-fields.ts'
import { isUndo } from '../undo-plan.ts'
import type { GateView, Review } from '../views/view-types.ts'
import { checksOf } from './recorded-checks.ts'
import { nameOfAction, recordedRounds, type EffectEntry, type RecordedRound } from './recorded-rounds.ts'

/**
 * A scenario made from a closed incident: its checks' results and when they changed, the decisions, and the outcome. With `plan`, the plan
 * of the incident, results of actions that no `expect` reads and fields of checks that need not be written are left out; `shared` has the
 * fields that the file of the scenario gives for all scenarios. Throws `RUNBOOK_BAD_INPUT` for an incident that a scenario cannot express.
 */
export function scenarioOf(review: Review, plan?: Plan, shared: SharedFields = NOTHING_SHARED): JsonObject {
  requireExpressible(review)
  const { id, type, inputs, outcome, reason } = review.incident
  const rounds = recordedRounds(review, plan)
  const given = Object.fromEntries(Object.entries(inputs).filter(([, value]) => value !== null))
  const decisions = rounds.flatMap(({ gate }) => (gate ? [decisionOf(gate)] : []))
  const effects = rounds.flatMap(effectRules)
  const [first, ...others] = rounds.map(expectationOf)
  return {
    scenario: titleOf(`${id}: ${reason ?? type}`),
    given: {
      ...(Object.keys(given).length > 0 ? { inputs: given } : {}),
      checks: checksOf(review.evidence, rounds, plan && neededFields(plan, shared)),
    },
    ...(decisions.length > 0 ? { decisions } : {}),
    ...(effects.length > 0 ? { effects } : {}),
    expect: {
      outcome: outcome!,
      rounds: Math.max(1, rounds.length),
      ...first,
      ...(others.length > 0 ? { then: others } : {}),
    },
  }
}

const MAX_TITLE = 120

/** The title of the scenario. One that is too long ends after a whole word. */
function titleOf(text: string): string {
  return text.length <= MAX_TITLE ? text : `${text.slice(0, MAX_TITLE - 1).replace(/\s+\S*$/, '')}…`
}

/** Refuses incidents that are not closed, incidents without a runbook, and incidents whose end no scenario can repeat. */
function requireExpressible({ incident }: Review): void {
  const { id, state, outcome, rounds } = incident
  const why = (): string | undefined => {
    if (!outcome)
      return `${id} is still open (${state}). A scenario contains the end of the incident: run this command again when it is closed`
    if (isUndo(incident))
      return `${id} undoes the effects of another incident. It has no runbook, so it cannot become a scenario`
    if (outcome === 'failed')
      return `${id} ended with an error of the engine, which a scenario cannot repeat: ${incident.reason ?? 'no reason is recorded'}`
    const gate = rounds.at(-1)?.gate
    if (outcome === 'cancelled' && gate?.state !== 'cancelled')
      return `${id} was cancelled while no decision was awaited. A scenario can only cancel an incident at a gate`
    return undefined
  }
  const message = why()
  if (message !== undefined) throw new RunbookError('RUNBOOK_BAD_INPUT', message)
}

function decisionOf(gate: GateView): Json {
  const last = gate.decisions.findLast((one) => !one.withdrawn) ?? gate.decisions.at(-1)
  const after = last ? Date.parse(last.at) - Date.parse(gate.openedAt) : 0
  const time = after >= 1000 ? { after: formatDuration(Math.round(after / 1000) * 1000) } : {}
  switch (gate.state) {
    case 'expired':
      return 'timeout'
    case 'cancelled':
      return 'cancel'
    case 'rejected':
      return { decision: last?.nextCause ? 'next-cause' : 'reject', ...time }
    case 'withdrawn':
      return { decision: 'withdraw', ...time }
    case 'lapsed':
      return { decision: 'lapse', ...time }
    default: {
      const targets = last?.targets ? { targets: last.targets } : {}
      return { decision: 'approve', ...targets, ...time }
    }
  }
}

/**
 * Targets for which an action had the same result share one rule. The last rule of an action names no target, so it applies to all targets
 * that the rules before it do not name.
 */
function effectRules({ round, gate, effects }: RecordedRound): JsonObject[] {
  const actions = [...new Set(effects.map(({ action }) => action))]
  return actions.flatMap((action) => {
    const own = effects.filter((one) => one.action === action)
    const rule = ({ target, result, observed }: EffectEntry) => ({
      action: nameOfAction(action, gate!),
      target,
      round,
      ...(result === 'applied' ? {} : { result }),
      ...(observed ? { observed } : {}),
    })
    const alike = own.every(({ result, observed }) => result === 'applied' && isSame(observed, own[0]!.observed))
    if (!alike) return own.map(rule)
    const { target: _, ...shared } = rule(own[0]!)
    return [shared]
  })
}

function isSame(a: JsonObject | undefined, b: JsonObject | undefined): boolean {
  return canonical(a ?? null) === canonical(b ?? null)
}

function expectationOf({ causes, gate, results, verified }: RecordedRound): JsonObject {
  return {
    ...(causes.length > 0 ? { causes: Object.fromEntries(causes.map(({ cause, holds }) => [cause, holds])) } : {}),
    ...(gate
      ? {
          cause: gate.proposal.cause,
          proposal: { remedy: gate.proposal.remedy, targets: gate.proposal.targets.map(({ key }) => key) },
          effects: isOver(gate) ? {} : results,
        }
      : { proposal: 'none' }),
    ...(verified === undefined ? {} : { verified }),
  }
}

/** Whether the approval ended before anything was applied. A re-check may have been recorded before that. */
function isOver({ state }: GateView): boolean {
  return state === 'withdrawn' || state === 'lapsed'
}
