import type { Effect } from '../core/effect.ts'
import type { ProposedAction, ProposedTarget } from '../core/proposal.ts'
import type { TakePermit } from '../gate/permit-request.ts'
import type { Database } from '../history/database.ts'
import type { Targets } from '../targets/targets.ts'
import type { ActionImplementation } from './action-implementation.ts'

/** One action of a stored proposal, for one target. */
export interface EffectRequest {
  gate: string
  proposalDigest: string
  /** The action of the stored proposal. The executor runs exactly this action. */
  action: ProposedAction
  /** Null for an action that is done once for all targets. */
  target: ProposedTarget | null
  timeoutMs: number
  /** When the cause's checks last ran (ISO 8601), by the engine's clock. */
  recheckedAt: string
}

/**
 * The answer to an effect request. `effect` is the effect in the history. `stale` means that the re-check is too old
 * and the checks must run again. `cancelled` means that the incident was cancelled before the first action on this
 * target. `over` means that nothing was applied and the approval is no longer valid. `waiting` means that a person must
 * do the action; nothing is recorded until `recordDone`.
 */
export type EffectAnswer =
  | { effect: Effect }
  | { stale: true; message: string }
  | { cancelled: true; message: string }
  | { over: true; message: string }
  | { waiting: true; message: string }

export interface EffectDeps {
  /** The engine's own database. */
  database: Database
  takePermit: TakePermit
  targets: Targets
  /** The implementation of each action kind, by the name of the kind. */
  implementations: Record<string, ActionImplementation>
  /** Sends a message to a channel and returns the outcome as text; null when there is no such channel. Throws when delivery fails. */
  notify(channel: string, message: string): Promise<string | null>
}
