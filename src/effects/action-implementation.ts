import type { EffectResult } from '../core/effect.ts'
import type { JsonObject } from '../core/json.ts'
import type { ActionPreview } from '../core/proposal.ts'
import type { BullmqTarget, Targets } from '../targets/targets.ts'

/**
 * How an action kind is applied: which protocol keeps it from being applied twice, and what it does within that. RUNBOOK_BAD_INPUT and
 * RUNBOOK_CONFIG may be thrown everywhere before anything is done; the effect is `refused` then.
 */
export type ActionImplementation =
  | { protocol: 'sql'; write(parameters: JsonObject): GuardedWrite }
  | { protocol: 'script'; call(parameters: JsonObject, target: BullmqTarget): Promise<ScriptCall> }
  | { protocol: 'intent'; prepare(parameters: JsonObject): Run & { repeatable: boolean } }
  | { protocol: 'message'; prepare(parameters: JsonObject): Run }
  | { protocol: 'person' }

/** A statement that changes exactly `rows` rows, or is rolled back. */
export interface GuardedWrite {
  connection: string
  rows: number
  update: Statement
  /** The statement ends inside its WHERE clause, so that the deadline can be added. Otherwise the clock is asked behind it. */
  endsInWhere?: true
  /** Counts, as `count`, the rows that look as if the update had been done. Absent: nobody can tell. */
  observe?: Statement
  /** For people: what is changed, such as `runs`. */
  what: string
}

/** One SQL statement; values are sent apart from it, without a type of their own. */
export interface Statement {
  text: string
  values: unknown[]
}

/** A script under src/effects/scripts, and what it is given after the keys and arguments of `enter.lua`. */
export interface ScriptCall {
  script: string
  keys: string[]
  argv: string[]
}

/** What is about to be run, its parameters read. `repeatable`: doing it twice is the same as doing it once. */
export interface Run {
  run(context: RunContext): Promise<Done>
}

export interface RunContext {
  targets: Targets
  /** `<engine>/INC-142.r1/0-http.request/-`: for a service's own protection against doing it twice. */
  effectKey: string
  timeoutMs: number
  /** What was shown of it when it was approved. */
  approved: ActionPreview
  notify(channel: string, message: string): Promise<string | null>
}

/** What became of it. Should not be thrown: once the intent is recorded, any other error is `unknown`. */
export interface Done {
  result: EffectResult
  detail: string
  observed?: JsonObject
}
