import { canonical } from '../core/canonical.ts'
import { messageOf } from '../core/errors.ts'
import { gateId } from '../core/incident.ts'
import type { Json, JsonObject } from '../core/json.ts'
import type { Plan, PlanCause, PlanCheck, PlanRemedy, Value } from '../core/plan.ts'
import { ALL_TARGETS, type ProposedTarget } from '../core/proposal.ts'
import { renderValue } from '../language/expressions/evaluate.ts'
import { BudgetError } from '../language/expressions/runtime-values.ts'
import { isStorable } from '../core/storable.ts'
import { renderParameters } from './diagnose.ts'
import { causeScope, evaluateCondition, type EvaluatedCause } from './find.ts'
import type { DraftAction, ProposalDraft } from './host.ts'
import { closure, expressionsIn, withName, type Scope } from './scope.ts'

export interface RenderedTarget {
  target: ProposedTarget
  actions: DraftAction[]
}

/** A remedy rendered from the evidence: each target with its own actions, and the actions that are done once for all targets. */
export interface Rendered {
  targets: RenderedTarget[]
  once: DraftAction[]
  /** Why affected items cannot be targets, such as an empty key: one sentence each. */
  dropped: string[]
}

/**
 * Renders the remedy for every target that the cause affects. An item that cannot be a target is dropped, so that the other items still get
 * their remedy. Throws EvaluationError if a value that concerns all targets cannot be computed.
 */
export function renderRemedy(remedy: PlanRemedy, evaluated: EvaluatedCause, scope: Scope): Rendered {
  const base = causeScope(evaluated.cause, evaluated.affects, scope)
  const once = remedy.actions
    .filter((action) => action.once)
    .flatMap((action) => renderAction(action, ALL_TARGETS, base))
  const each = remedy.actions.filter((action) => !action.once)
  if (!remedy.for) {
    const lock = remedy.lock && text(remedy.lock, base)
    const target = { key: ALL_TARGETS, item: null, ...(lock === undefined ? {} : { lock }) }
    return {
      once,
      dropped: [],
      targets: [{ target, actions: each.flatMap((action) => renderAction(action, ALL_TARGETS, base)) }],
    }
  }
  const targets = new Map<string, RenderedTarget>()
  const dropped: string[] = []
  for (const item of evaluated.affects ?? []) {
    try {
      const rendered = renderTarget(remedy, each, item, base)
      // Several rows with the same key are one target, rendered from the first row.
      if (!targets.has(rendered.target.key)) targets.set(rendered.target.key, rendered)
    } catch (error) {
      if (error instanceof BudgetError) throw error
      dropped.push(messageOf(error))
    }
  }
  return { once, targets: [...targets.values()], dropped }
}

function renderTarget(remedy: PlanRemedy, actions: PlanRemedy['actions'], item: Json, base: Scope): RenderedTarget {
  const scope = withName(base, remedy.for!, item, remedy.targetItem)
  const key = text(remedy.key!, scope)
  if (key === ALL_TARGETS) throw new Error(`a target may not have the key "${ALL_TARGETS}": it means all targets`)
  const lock = remedy.lock && text(remedy.lock, scope)
  return {
    target: { key, item, ...(lock === undefined ? {} : { lock }) },
    actions: actions.flatMap((action) => renderAction(action, key, scope)),
  }
}

function renderAction(action: PlanRemedy['actions'][number], target: string, scope: Scope): DraftAction[] {
  if (action.target !== undefined && action.target !== target) return []
  if (action.if) {
    const wanted = evaluateCondition(action.if, scope)
    if ('value' in wanted && wanted.value !== true) return []
    if ('undetermined' in wanted)
      throw new Error(`the condition of ${action.id} is undetermined: ${wanted.undetermined}`)
  }
  return [
    { id: action.id, kind: action.kind, access: action.access, target, with: renderParameters(action.with, scope) },
  ]
}

function text(value: Value, scope: Scope): string {
  const rendered = renderValue(value, scope.values, scope.types)
  const key = typeof rendered === 'string' ? rendered : canonical(rendered)
  const why = whyBadKey(key)
  if (why !== undefined) throw new Error(why)
  return key
}

const MAX_KEY_LENGTH = 500

/**
 * Why a target cannot have this key or lock; undefined if it can. Keys come from diagnosed data and become part of places, leases and
 * effect keys.
 */
export function whyBadKey(key: string): string | undefined {
  if (key === '') return "a target's key or lock must not be empty"
  if (key.length <= MAX_KEY_LENGTH && !/\p{Cc}/u.test(key) && isStorable(key)) return undefined
  return `a target's key or lock must have 1 to ${MAX_KEY_LENGTH} characters, and no control characters or lone surrogates: ${JSON.stringify(key.slice(0, 80))}`
}

/** The maximum number of reasons in one sentence. */
const MAX_REASONS = 3

/** A sentence about the affected items that cannot be targets; undefined if there are none. */
export function droppedText({ dropped }: Rendered): string | undefined {
  if (dropped.length === 0) return undefined
  const reasons = [...new Set(dropped)]
  const more = reasons.length > MAX_REASONS ? '; and others' : ''
  const items = dropped.length === 1 ? '1 affected item is' : `${dropped.length} affected items are`
  return `${items} left out: ${reasons.slice(0, MAX_REASONS).join('; ')}${more}`
}

/** The draft of one round's proposal, for at most `maxTargets` targets. */
export function draftProposal(
  plan: Plan,
  incident: string,
  round: number,
  evaluated: EvaluatedCause,
  rendered: Rendered,
  findings: ProposalDraft['findings'],
): ProposalDraft {
  const remedy = remedyOf(plan, evaluated)
  const dropped = droppedText(rendered)
  const chosen = rendered.targets.slice(0, remedy.limits.maxTargets)
  return {
    gate: gateId(incident, round),
    round,
    cause: evaluated.cause.name,
    because: dropped === undefined ? evaluated.finding.because : `${evaluated.finding.because} (${dropped})`,
    remedy: remedy.name,
    title: remedy.title,
    risk: remedy.risk,
    actions: inOrder(remedy, chosen, rendered.once),
    targets: chosen.map((one) => one.target),
    affected: rendered.targets.length,
    limits: remedy.limits,
    approval: remedy.approval,
    escalateTo: plan.escalate.to,
    findings,
  }
}

/** Whether a person may approve a subset of the targets. A subset is not possible if a write is done once for all targets. */
export function allowsPartialApproval(actions: DraftAction[]): boolean {
  return actions.every(({ access, target }) => target !== ALL_TARGETS || access !== 'write')
}

/** The actions in the order in which they are applied: each action for all its targets, then the next action. */
function inOrder(remedy: PlanRemedy, targets: RenderedTarget[], once: DraftAction[]): DraftAction[] {
  return remedy.actions.flatMap(({ id }) => [
    ...once.filter((action) => action.id === id),
    ...targets.flatMap((one) => one.actions.filter((action) => action.id === id)),
  ])
}

export function remedyOf(plan: Plan, evaluated: EvaluatedCause): PlanRemedy {
  const then = evaluated.cause.then
  const remedy = 'remedy' in then ? plan.remedies[then.remedy] : undefined
  if (!remedy) throw new Error(`cause ${evaluated.cause.name} has no remedy`)
  return remedy
}

/** The checks that a cause and its remedy depend on: they run again after the decision. */
export function preconditionChecks(plan: Plan, { when, affects }: PlanCause, remedy: PlanRemedy): PlanCheck[] {
  const values = [remedy.key, remedy.lock, ...remedy.actions.flatMap((action) => Object.values(action.with))]
  const expressions = [
    when,
    affects,
    ...values.flatMap((value) => (value ? expressionsIn(value) : [])),
    ...remedy.actions.map((action) => action.if),
  ]
  return closure(plan.checks, new Set(expressions.flatMap((expression) => expression?.checks ?? [])))
}

/** Whether the target's actions and lock, as rendered now, are exactly the approved ones. */
export function isUnchanged(approved: RenderedTarget, now: RenderedTarget): boolean {
  return canonical(comparable(approved)) === canonical(comparable(now))
}

function comparable(rendered: RenderedTarget): JsonObject {
  return { lock: rendered.target.lock ?? null, actions: rendered.actions as unknown as Json }
}
