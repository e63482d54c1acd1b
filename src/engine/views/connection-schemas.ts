import { z } from 'zod'
import { jsonObject, time } from './schema-parts.ts'

/** What one check found. */
const readView = z.object({
  check: z.string().meta({ example: 'bullmq.queue' }),
  status: z.enum(['ok', 'failed', 'timeout']),
  /** The result of the check; null if the check failed. */
  result: jsonObject.nullable(),
  /** Why the check failed. */
  error: z.string().nullable(),
  /** Whether the system has more than the result. */
  truncated: z.boolean(),
  durationMs: z.number(),
})

export const connectionView = z
  .object({
    name: z.string(),
    kind: z.string(),
    readAt: time,
    /** By the name of what was read. Empty for a kind of connection of which nothing is read. */
    reads: z.record(z.string(), readView),
  })
  .meta({ id: 'Connection' })

/** Connections of the configuration; nothing is read from the systems. */
export const connectionList = z
  .object({
    connections: z.array(
      z.object({
        name: z.string(),
        kind: z.string(),
        /** Null if no incident waits for the connection. This does not mean that the connection answers. */
        waiting: z.object({ incidents: z.int(), since: time, why: z.string() }).nullable(),
      }),
    ),
  })
  .meta({ id: 'ConnectionList' })
