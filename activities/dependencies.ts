import type { JsonObject } from '../src/core/json.ts'
import type { Deciders } from '../src/gate/deciders.ts'
import type { Keyring } from '../src/gate/keyring.ts'
import type { Database } from '../src/history/database.ts'
import type { Targets } from '../src/targets/targets.ts'

/** What the activities are given by the process that runs them. */
export interface ActivityDependencies extends Deciders {
  database: Database
  targets: Targets
  keyring: Keyring
  /** Where `approval: auto` is permitted. */
  auto: { kind: string; connection: string }[]
  requesterMayApprove: boolean
  /** Tells a channel; says what came of it, null where there is none. Throws where it could not be delivered. */
  notify(channel: string, message: string): Promise<string | null>
  /** Opens or joins an incident of another type. */
  openIncident(type: string, inputs: JsonObject, requester: string, parent: string): Promise<{ incident: string }>
}
