import type { EffectResult } from '../core/effect.ts'
import type { JsonObject } from '../core/json.ts'
import type { ActionPreview } from '../core/proposal.ts'
import type { BullmqTarget, Targets } from '../targets/targets.ts'

/**
 * How an action kind is applied: the protocol that prevents it from being applied twice, and the action itself. Each may throw
 * RUNBOOK_BAD_INPUT and RUNBOOK_CONFIG before it changes anything; then the effect is `refused`.
 */
export type ActionImplementation =
  | { protocol: 'sql'; write(parameters: JsonObject, approved?: ActionPreview): GuardedWrite }
  | { protocol: 'script'; call(parameters: JsonObject, target: BullmqTarget): Promise<ScriptCall> }
  /** `repeatable`: applying it twice has the same effect as applying it once. */
  | { protocol: 'intent'; prepare(parameters: JsonObject): Run & { repeatable: boolean } }
  | { protocol: 'message'; prepare(parameters: JsonObject): Run }
  | { protocol: 'person' }

/** A statement that changes exactly `rows` rows; otherwise it is rolled back. */
export interface GuardedWrite {
  connection: string
  rows: number
  update: Statement
  /** The statement ends inside its WHERE clause, so the deadline can be appended. Otherwise the clock is read after the statement. */
  endsInWhere?: true
  /** What must be stored exactly as it was shown. Absent: nothing is compared. */
  written?: WrittenColumns
  /** Counts, as `count`, the rows that are as the update would have left them. Absent: the outcome cannot be observed. */
  observe?: Statement
  /** What is changed, such as `runs`; shown in messages. */
  what: string
}

/** The columns of a guarded write, with the numbers of its parameters. The names can be used in SQL within double quotes. */
export interface WrittenColumns {
  /** As in the statement: `"public"."runs"`. */
  table: string
  /** Column → the parameter with its new value. */
  set: Record<string, number>
  /** Column of the guard that is not set → its parameter; undefined for IS NULL. */
  guard: Record<string, number | undefined>
  /** Column → the new value as the gate showed it. */
  shown: JsonObject
  /** Counts, as `count`, the rows that the guard matches now. */
  select: Statement
}

/** One SQL statement. The values are sent separately, and the server infers their types. */
export interface Statement {
  text: string
  values: unknown[]
}

/** A script under src/effects/scripts, with its keys and arguments after those of `enter.lua`. */
export interface ScriptCall {
  script: string
  keys: string[]
  argv: string[]
}

/** An action with its parameters already read. */
export interface Run {
  /** Called before the permit is requested. Throws `RUNBOOK_UNREACHABLE` if the system is down: then nothing is started, and it is waited for. */
  reach?(targets: Targets): Promise<void>
  run(context: RunContext): Promise<ActionResult>
}

export interface RunContext {
  targets: Targets
  /** `<engine>/INC-142.r1/0-http.request/-`: sent to a service, so that it can recognize a repeated request. */
  effectKey: string
  timeoutMs: number
  /** Milliseconds since 1970. Later than this, nothing may be started: the lease would end before the action does. */
  startBy: number
  /** The preview that was shown when it was approved. */
  approved: ActionPreview
  notify(channel: string, message: string): Promise<string | null>
}

/** The result of an action. Return it instead of throwing: once the intent is recorded, a thrown error is recorded as `unknown`. */
export interface ActionResult {
  result: EffectResult
  detail: string
  observed?: JsonObject
}
