import type { DetectAnswer, DetectRequest } from '../src/core/detection.ts'
import type { JsonObject } from '../src/core/json.ts'
import type { Deciders } from '../src/gate/deciders.ts'
import type { Keyring } from '../src/gate/keyring.ts'
import type { Database } from '../src/history/database.ts'
import type { Targets } from '../src/targets/targets.ts'

/** The part of the configuration that determines whether an action may be applied. */
export interface ApprovalRules extends Deciders {
  keyring: Keyring
  /** Kinds and connections for which `approval: auto` is permitted. */
  auto: { kind: string; connection: string }[]
  requesterMayApprove: boolean
}

/** What the worker process provides to the activities: the configuration at the moment when the activity began. */
export interface ActivityDependencies extends ApprovalRules {
  database: Database
  targets: Targets
  /**
   * Returns the rules of the configuration that the process has now. An action may wait for a minute for a connection, and a person who was
   * removed in the meantime must not count when the permit is granted. If absent, the rules never change.
   */
  rulesNow?(): ApprovalRules
  /** How long an incident waits for a connection that is down. Default: ten minutes. */
  waitWhileDownMs?: number
  /** Notifies a channel. Returns the result as text; null if no such channel is configured. Throws if the message was not delivered. */
  notify(channel: string, message: string): Promise<string | null>
  /** Samples a symptom and acts on the result. */
  detect(request: DetectRequest): Promise<DetectAnswer>
  /** Why nobody can be notified through this group or channel; undefined if somebody can. */
  whyUnreachable(name: string): string | undefined
  /** Opens or joins an incident of another type. */
  openIncident(type: string, inputs: JsonObject, requester: string, parent: string): Promise<{ incident: string }>
}
