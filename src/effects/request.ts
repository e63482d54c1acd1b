import type { Effect } from '../core/effect.ts'
import type { ProposedAction, ProposedTarget } from '../core/proposal.ts'
import type { TakePermit } from '../gate/permit.ts'
import type { Database } from '../history/database.ts'
import type { Targets } from '../targets/targets.ts'
import type { ActionImplementation } from './action-implementation.ts'

/** One action of a stored proposal, for one target. */
export interface EffectRequest {
  gate: string
  proposalDigest: string
  /** As it stands in the stored proposal: what runs is read from here and nowhere else. */
  action: ProposedAction
  /** Null for an action that is done once. */
  target: ProposedTarget | null
  timeoutMs: number
  /** When the checks behind the cause ran last (ISO 8601), by the engine's clock. */
  recheckedAt: string
}

/**
 * `effect`: what stands in the history now. `stale`: the grounds are too old, check again. `cancelled`: stopped before this target
 * was begun. `over`: nothing was begun, and the approval no longer counts. `waiting`: a person must do it; nothing is recorded until `recordDone`.
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
  /** Tells a channel; says what came of it, null where there is none. Throws where it could not be delivered. */
  notify(channel: string, message: string): Promise<string | null>
}
