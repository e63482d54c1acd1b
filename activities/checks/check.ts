import type { JsonObject } from '../../src/core/json.ts'
import type { ActionPreview } from '../../src/core/proposal.ts'
import type { Targets } from '../../src/targets/targets.ts'

/** What a check is given beside its parameters. */
export interface CheckContext {
  targets: Targets
  /** Aborted at the check's timeout. */
  signal: AbortSignal
  /** What is left of the timeout when the check begins, in milliseconds. */
  timeoutMs: number
}

/** Runs one check: parameters with their final values in, a result of the kind's declared type out. Throws when it could not be run. */
export type CheckImplementation = (parameters: JsonObject, context: CheckContext) => Promise<JsonObject>

export interface PreviewContext {
  targets: Targets
  signal: AbortSignal
}

/** A read-only look at what one action would change. Uses read credentials. */
export type PreviewImplementation = (parameters: JsonObject, context: PreviewContext) => Promise<ActionPreview>
