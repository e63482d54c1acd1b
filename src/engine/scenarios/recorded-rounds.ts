import { kindOfAction, worstOf, type EffectResult } from '../../core/effect.ts'
import { isJsonObject, type JsonObject } from '../../core/json.ts'
import { parsePlace, roundOf } from '../../core/place.ts'
import type { Plan } from '../../core/plan.ts'
import type { ProposedAction } from '../../core/proposal.ts'
import type { GateView, Review, RoundView, TimelineEntry } from '../views/view-types.ts'

/** What the history of an incident says about one round, as a scenario needs it. */
export interface RecordedRound {
  round: number
  causes: RoundView['causes']
  gate: GateView | null
  /** The number of the last re-check before the first effect. A scenario has one re-check for each round. */
  recheck: number | undefined
  /** For each later run of the diagnosis in this round, by its number: how long after the beginning of the round it ran. */
  looksAfterMs: Record<number, number>
  /** Effects that are not simply applied, and effects whose result the runbook tests. */
  effects: EffectEntry[]
  /** The result for each target, as the simulator computes it. */
  results: Record<string, EffectResult>
  verified: boolean | undefined
}

export interface EffectEntry {
  action: string
  target: string
  result: EffectResult | 'timeout'
  observed?: JsonObject
}

/** All rounds of an incident. `plan` tells which actions have `expect`; without it, every observed result is kept. */
export function recordedRounds({ incident, timeline }: Review, plan?: Plan): RecordedRound[] {
  return incident.rounds.map((view) => {
    const events = timeline.filter(({ place }) => place !== null && roundOf(place) === view.round)
    const recheck = decisiveRecheck(events)
    const effects = view.gate ? effectsOf(view.gate, events, recheck, plan) : []
    return {
      round: view.round,
      causes: view.causes,
      gate: view.gate,
      recheck,
      looksAfterMs: looksOf(events),
      effects: effects.filter(({ result, observed }) => result !== 'applied' || observed),
      results: resultsOf(events, recheck, effects),
      verified: events.find(({ kind }) => kind === 'verified')?.data['held'] as boolean | undefined,
    }
  })
}

function looksOf(events: TimelineEntry[]): Record<number, number> {
  let passed = 0
  return Object.fromEntries(
    events
      .filter(({ kind }) => kind === 'again')
      .map(({ data }) => [Number(data['look']), (passed += Number(data['inMs']))]),
  )
}

function decisiveRecheck(events: TimelineEntry[]): number | undefined {
  const first = events.findIndex(({ kind }) => kind === 'effect')
  const before = first < 0 ? events : events.slice(0, first)
  return before.flatMap((event) => recheckNumber(event) ?? []).at(-1)
}

function recheckNumber({ kind, place }: TimelineEntry): number | undefined {
  const parsed = kind === 'recheck' && place !== null ? parsePlace(place) : undefined
  return parsed?.kind === 'recheck' ? parsed.number : undefined
}

/** The recorded effects, and one more effect for each action that a later re-check or the silence of a person prevented. */
function effectsOf(
  { proposal }: GateView,
  events: TimelineEntry[],
  recheck: number | undefined,
  plan: Plan | undefined,
): EffectEntry[] {
  const known = plan?.remedies[proposal.remedy]?.actions
  const isTested = (id: string) => !known || known.some((action) => action.id === id && action.expect)
  const recorded = events
    .filter(({ kind }) => kind === 'effect')
    .map(({ data }): EffectEntry => {
      const { action, target, result, observed } = data as unknown as EffectEntry
      return { action, target, result, ...(isJsonObject(observed) && isTested(action) ? { observed } : {}) }
    })
  const missing = (of: ProposedAction) =>
    !recorded.some(({ action, target }) => action === of.id && target === of.target)
  const droppedLater = new Set(
    events
      .filter((event) => event.kind === 'recheck' && recheckNumber(event) !== recheck)
      .flatMap(({ data }) => Object.keys(data['skipped'] as JsonObject)),
  )
  const waited = events.filter(({ kind }) => kind === 'manual')
  const prevented = proposal.actions.filter(missing).flatMap(({ id: action, target }): EffectEntry[] => {
    if (waited.some(({ data }) => data['action'] === action && data['target'] === target))
      return [{ action, target, result: 'timeout' }]
    return droppedLater.has(target) ? [{ action, target, result: 'skipped' }] : []
  })
  return [...recorded, ...prevented]
}

function resultsOf(
  events: TimelineEntry[],
  recheck: number | undefined,
  effects: EffectEntry[],
): Record<string, EffectResult> {
  const results: Record<string, EffectResult> = {}
  for (const event of events)
    if (event.kind === 'recheck' && recheckNumber(event) === recheck)
      for (const target of Object.keys(event.data['skipped'] as JsonObject)) results[target] = 'skipped'
  const unexpected = events.filter(({ kind }) => kind === 'unexpected').map(({ data }) => data['target'])
  const done = effects.filter((one): one is EffectEntry & { result: EffectResult } => one.result !== 'timeout')
  for (const target of new Set(done.map((one) => one.target))) {
    const own = done.filter((one) => one.target === target).map(({ result }) => result)
    if (unexpected.includes(target)) own.push('refused')
    results[target] = worstOf(own) ?? 'applied'
  }
  return results
}

/** The action as the `effects` of a scenario name it: by its kind, unless the proposal has several of that kind. */
export function nameOfAction(id: string, { proposal }: GateView): string {
  const kind = kindOfAction(id)
  const ids = new Set(proposal.actions.filter((action) => action.kind === kind).map((action) => action.id))
  return ids.size > 1 ? id : kind
}
