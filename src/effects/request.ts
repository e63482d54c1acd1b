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
  /** From the stored proposal: the executor runs exactly this. */
  action: ProposedAction
  /** Null for an action that is done once. */
  target: ProposedTarget | null
  timeoutMs: number
  /** When the cause's checks last ran (ISO 8601), by the engine's clock. */
  recheckedAt: string
}

/**
 * `effect`: the effect in the history. `stale`: the re-check is too old, run the checks again. `cancelled`: the incident was cancelled
 * before the first action on this target. `over`: nothing was applied, and the approval is no longer valid. `waiting`: a person must do
 * it; nothing is recorded until `recordDone`.
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
  /** By kind. */
  implementations: Record<string, ActionImplementation>
  /** Sends a message to a channel and returns the outcome as text; null when there is no such channel. Throws when delivery fails. */
  notify(channel: string, message: string): Promise<string | null>
}
