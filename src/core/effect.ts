import type { JsonObject } from './json.ts'

export const EFFECT_RESULTS = ['applied', 'skipped', 'refused', 'unknown'] as const

export type EffectResult = (typeof EFFECT_RESULTS)[number]

const WORST_FIRST: readonly EffectResult[] = ['unknown', 'refused', 'skipped', 'applied']

/** The worst of several results, which is shown for a target with several actions. Undefined for an empty list. */
export function worstOf(results: EffectResult[]): EffectResult | undefined {
  return WORST_FIRST.find((result) => results.includes(result))
}

/**
 * The states of a proposed target. `proposed`: nothing happened to it yet, or the proposal was not approved. `not-approved`: the
 * approval left this target out.
 */
export const TARGET_STATES = [
  'proposed',
  'not-approved',
  'skipped',
  'permitted',
  'applied',
  'refused',
  'unknown',
] as const

export type TargetState = (typeof TARGET_STATES)[number]

/** The kind in an action's id: `sql.update` for `0-sql.update`. */
export function kindOfAction(id: string): string {
  return id.replace(/^\d+-/, '')
}

/** The result of one action on one target. */
export interface Effect {
  gate: string
  /** The action's id, such as `0-sql.update`. */
  action: string
  /** The target's key, or `-`. */
  target: string
  result: EffectResult
  /** What was observed, or why the effect was refused, in one sentence. */
  detail: string
  /** What the action returned, such as a row count or an exit code. `expect` reads it as `result`. */
  observed?: JsonObject
}

/**
 * The key of an effect, such as `<engine>/INC-142.r1/0-sql.update/run-7`. It is the same for every attempt at the effect. It starts with
 * the engine's id, because a diagnosed system may outlive the engine's database, and a new database numbers its incidents from INC-1 again.
 */
export function effectKey(engine: string, gate: string, action: string, target: string): string {
  return `${engine}/${gate}/${action}/${target}`
}
