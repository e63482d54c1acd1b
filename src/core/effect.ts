import type { JsonObject } from './json.ts'

export const EFFECT_RESULTS = ['applied', 'skipped', 'refused', 'unknown'] as const

export type EffectResult = (typeof EFFECT_RESULTS)[number]

/** The first of these says most of a thing to which several actions were applied. */
const WORST_FIRST: readonly EffectResult[] = ['unknown', 'refused', 'skipped', 'applied']

/** The worst of several results; undefined where there is none. */
export function worstOf(results: EffectResult[]): EffectResult | undefined {
  return WORST_FIRST.find((result) => results.includes(result))
}

export const TARGET_STATES = ['proposed', 'skipped', 'permitted', 'applied', 'refused', 'unknown'] as const

export type TargetState = (typeof TARGET_STATES)[number]

/** What one action did to one target. */
export interface Effect {
  gate: string
  /** `0-sql.update` */
  action: string
  /** The target's key, or `-`. */
  target: string
  result: EffectResult
  /** For people: what was observed, or why it was refused. */
  detail: string
  /** What the action returned (row count, job state, exit code): the `result` of `expect`. */
  observed?: JsonObject
}

/**
 * `<engine>/INC-142.r1/0-sql.update/run-7`: one effect, whoever applies it and however often. With the engine's id, because a
 * diagnosed system outlives an engine's database, and the next one begins at INC-1 again.
 */
export function effectKey(engine: string, gate: string, action: string, target: string): string {
  return `${engine}/${gate}/${action}/${target}`
}
