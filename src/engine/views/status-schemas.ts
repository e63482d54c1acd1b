import { z } from 'zod'
import { connectionList } from './connection-schemas.ts'
import { detectorView } from './detection-schemas.ts'
import { maintenanceList } from './maintenance-schemas.ts'
import { time } from './schema-parts.ts'
import { control, fileStatus } from './view-schemas.ts'

const permit = z.object({ incident: z.string(), gate: z.string(), target: z.string(), issuedAt: time })

const worker = z.object({
  identity: z.string(),
  /** Whether it reported lately. */
  runs: z.boolean(),
  irVersion: z.int().meta({ description: 'The version of plans that it runs.' }),
  signingKeys: z.array(z.string()).nullable(),
  silentMs: z.number(),
  stalls: z.int(),
  maxStallMs: z.number(),
  lastStallMs: z.number().nullable(),
  lastStallAt: z.string().nullable(),
  lastStallAgoMs: z.number().nullable(),
})

const failedMessages = z.object({ channel: z.string(), messages: z.int(), problem: z.string() })

/** The state of the engine and of the systems that it needs. */
export const engineStatus = z
  .object({
    freeze: control.nullable(),
    /** The permits that were granted and may still lead to an effect. A freeze does not revoke them. */
    inFlight: z.array(permit),
    /** The breakers that are open. */
    breakers: z.array(control),
    maintenance: maintenanceList,
    workers: z.array(worker),
    /** The version of plans that this process compiles, and the number of open incidents with plans of other versions. */
    irVersion: z.int(),
    otherVersions: z.array(z.object({ version: z.int(), incidents: z.int(), seenMs: z.number().nullable() })),
    files: fileStatus,
    connections: connectionList.shape.connections,
    detectors: z.array(detectorView),
    outbox: z.object({
      /** Messages that were not accepted yet and are sent again, and those of the last day that are no longer sent. */
      waiting: z.array(failedMessages.extend({ oldestMs: z.number() })),
      givenUp: z.array(failedMessages),
    }),
    /** Why Temporal does not answer; null if it does. */
    temporal: z.string().nullable(),
  })
  .meta({ id: 'Status' })
