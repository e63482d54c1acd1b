import type { KnownObstacles } from '../actions/write-obstacle.ts'
import type { JsonObject } from '../../src/core/json.ts'
import type { ActionPreview } from '../../src/core/proposal.ts'
import type { Targets } from '../../src/targets/targets.ts'

/** What a check receives besides its parameters. */
export interface CheckContext {
  targets: Targets
  /** A signal that is aborted at the check's timeout. */
  signal: AbortSignal
  /** Milliseconds left of the check's timeout. */
  timeoutMs: number
}

/** Runs one check with the final values of its parameters. Returns a result of the kind's declared type; throws if the check could not run. */
export type CheckImplementation = (parameters: JsonObject, context: CheckContext) => Promise<JsonObject>

export interface PreviewContext {
  targets: Targets
  signal: AbortSignal
  /** Called when the preview has a warning because its connection is down. */
  onDown?(why: string): void
  /** Results that the previews of one proposal share, so that each write login is tested once and not for every target. */
  obstacles?: KnownObstacles
}

/** Shows what one action would change. Uses read credentials and changes nothing. */
export type PreviewImplementation = (parameters: JsonObject, context: PreviewContext) => Promise<ActionPreview>
