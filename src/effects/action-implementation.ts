import type { EffectResult } from '../core/effect.ts'
import type { JsonObject } from '../core/json.ts'
import type { ColumnGrant } from '../core/needed-grants.ts'
import type { ActionPreview } from '../core/proposal.ts'
import type { StartBy } from '../targets/start-by.ts'
import type { BullmqTarget, Targets } from '../targets/targets.ts'

/**
 * How an action kind is applied: the protocol that prevents it from being applied twice, and the action itself. Each may throw
 * RUNBOOK_BAD_INPUT and RUNBOOK_CONFIG before it changes anything; then the effect is `refused`.
 */
export type ActionImplementation =
  | { protocol: 'sql'; write(parameters: JsonObject, approved?: ActionPreview): GuardedWrite }
  | {
      protocol: 'script'
      call(parameters: JsonObject, target: BullmqTarget): Promise<ScriptCall>
      /**
       * Reads the final result of a script whose change is completed by others. It changes nothing and is repeated after a crash. `endsAt`:
       * when it must have answered, as a time of `performance.now()`.
       */
      confirm?(
        parameters: JsonObject,
        target: BullmqTarget,
        applied: ActionResult,
        endsAt: number,
      ): Promise<ActionResult>
    }
  /** `repeatable` says that applying the action twice has the same effect as applying it once. */
  | { protocol: 'intent'; prepare(parameters: JsonObject): Run & { repeatable: boolean } }
  | { protocol: 'message'; prepare(parameters: JsonObject): Run }
  | { protocol: 'person' }

/** A statement that changes exactly `rows` rows; otherwise it is rolled back. */
export interface GuardedWrite {
  connection: string
  rows: number
  update: Statement
  /**
   * Whether the statement ends inside its WHERE clause. Then the deadline is appended as a condition, so that a late statement matches no
   * row. Otherwise the server's clock is compared with the deadline after the statement, before the commit.
   */
  endsInWhere?: true
  /** The values that must be stored exactly as the gate showed them. If absent, nothing is compared. */
  written?: WrittenColumns
  /**
   * A statement that returns, as `count`, how many rows are as the update would have left them. If absent, the outcome cannot be observed.
   */
  observe?: Statement
  /** By name of a table without a schema, the schema that the gate showed. Absent: the gate showed none. */
  schemas?: Record<string, string>
  /** What is changed, such as `runs`; shown in messages. */
  what: string
  /** What the statement changes beyond `rows` and PostgreSQL does not count; the result says so. */
  uncounted?: string
  /** The rights on tables that the statement needs. */
  needs: ColumnGrant[]
}

/** The columns of a guarded write, with the numbers of its parameters. The names can be used in SQL within double quotes. */
export interface WrittenColumns {
  /** The table as it is written in the statement: `"public"."runs"`. */
  table: string
  /** By column, the number of the parameter with its new value. */
  set: Record<string, number>
  /**
   * By column of the guard that `set` does not contain, the number of the parameter with its value; undefined for IS
   * NULL.
   */
  guard: Record<string, number | undefined>
  /** By column, the new value as the proposal showed it. */
  shown: JsonObject
  /** A statement that returns, as `count`, how many rows the guard matches now. */
  select: Statement
}

/** One SQL statement. The values are sent separately, and the server infers their types. */
export interface Statement {
  text: string
  values: unknown[]
}

/** A script in src/effects/scripts, with its keys and arguments. They follow the keys and arguments of `enter.lua`. */
export interface ScriptCall {
  script: string
  keys: string[]
  argv: string[]
}

/** An action with its parameters already read. */
export interface Run {
  /**
   * Called before the permit is requested. Throws `RUNBOOK_UNREACHABLE` if the system is down. Then nothing is started,
   * and the engine waits for the system.
   */
  reach?(targets: Targets): Promise<void>
  run(context: RunContext): Promise<ActionResult>
}

export interface RunContext {
  targets: Targets
  /**
   * The key that is sent with a request, such as `<engine>/INC-142.r1/0-http.request/-/<digest>`, so that the service can recognise a
   * repeated request. The digest is the shortened digest of the proposal.
   */
  effectKey: string
  timeoutMs: number
  /** The latest moment at which the action may start. An action that starts later could outlast its lease. */
  startBy: StartBy
  /** The preview that the approved proposal contains. */
  approved: ActionPreview
  notify(channel: string, message: string): Promise<string | null>
}

/**
 * The result of an action. An implementation returns it even for a failure, because an error thrown after the intent is
 * recorded makes the effect `unknown`.
 */
export interface ActionResult {
  result: EffectResult
  detail: string
  observed?: JsonObject
}
