import type { DetectAnswer, DetectRequest } from '../src/core/detection.ts'
import type { JsonObject } from '../src/core/json.ts'
import type { Deciders } from '../src/gate/deciders.ts'
import type { Keyring } from '../src/gate/keyring.ts'
import type { Database } from '../src/history/database.ts'
import type { Targets } from '../src/targets/targets.ts'

/** What the worker process provides to the activities. */
export interface ActivityDependencies extends Deciders {
  database: Database
  targets: Targets
  keyring: Keyring
  /** Kinds and connections for which `approval: auto` is permitted. */
  auto: { kind: string; connection: string }[]
  requesterMayApprove: boolean
  /** How long an incident waits for a connection that is down. Default: ten minutes. */
  waitWhileDownMs?: number
  /** Notifies a channel. Returns the result as text; null if no such channel is configured. Throws if the message was not delivered. */
  notify(channel: string, message: string): Promise<string | null>
  /** Samples a symptom and acts on what it finds. */
  detect(request: DetectRequest): Promise<DetectAnswer>
  /** Whether a channel is configured for this group or channel, so that somebody can be notified. */
  hasChannel(name: string): boolean
  /** Opens or joins an incident of another type. */
  openIncident(type: string, inputs: JsonObject, requester: string, parent: string): Promise<{ incident: string }>
}
