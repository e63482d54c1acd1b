import { setTimeout as sleep } from 'node:timers/promises'
import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi'
import { streamSSE, type SSEStreamingApi } from 'hono/streaming'
import { RunbookError } from '../../core/errors.ts'
import type { Engine } from '../../engine/engine.ts'
import { timelineEntry } from '../../engine/views/timeline.ts'
import { readEvents, readIncident } from '../../history/incidents.ts'
import { newApp, type ApiEnv } from '../app.ts'
import { problemAnswers } from '../describe.ts'
import { incidentParams } from '../request-schemas.ts'

const POLL_INTERVAL_MS = 300
const HEARTBEAT_INTERVAL_MS = 15_000
/** A stream ends after this time; the client reconnects with Last-Event-ID. */
const MAX_STREAM_MS = 30 * 60_000
/** Each stream sends one query per poll interval. */
const MAX_STREAMS = 100

const events = createRoute({
  method: 'get',
  path: '/v1/incidents/{id}/events',
  summary: 'The timeline as server-sent events, live until the incident is closed',
  request: {
    params: incidentParams,
    headers: z.object({
      'last-event-id': z
        .string()
        .regex(/^\d{1,15}$/, 'must be the id of an event')
        .optional()
        .meta({ description: 'Continue after this event.' }),
    }),
  },
  responses: {
    200: { description: 'One TimelineEntry per event', content: { 'text/event-stream': { schema: z.string() } } },
    204: { description: 'The incident is closed and has no later events: do not reconnect' },
    ...problemAnswers([404]),
  },
})

/** `ending` is aborted when the server stops: streams end, and clients reconnect to the next server. */
export function eventRoutes(engine: Engine, ending: AbortSignal): OpenAPIHono<ApiEnv> {
  const app = newApp()
  let open = 0
  app.openapi(events, async (c): Promise<Response> => {
    const { id } = c.req.valid('param')
    const after = Number(c.req.valid('header')['last-event-id'] ?? 0)
    const { state } = await readIncident(engine.database, id)
    const first = await readEvents(engine.database, id, after)
    if (state === 'closed' && first.length === 0) return c.body(null, 204)
    if (open >= MAX_STREAMS)
      throw new RunbookError('RUNBOOK_UNREACHABLE', `${MAX_STREAMS} event streams are already open: try again later`)
    open += 1
    return streamSSE(c, async (stream) => {
      try {
        await follow(engine, stream, id, after, ending)
      } finally {
        open -= 1
      }
    })
  })
  return app
}

async function follow(engine: Engine, stream: SSEStreamingApi, id: string, after: number, ending: AbortSignal) {
  const startedAt = Date.now()
  let last = after
  let wroteAt = startedAt
  while (!stream.aborted && !ending.aborted && Date.now() - startedAt < MAX_STREAM_MS) {
    const fresh = await readEvents(engine.database, id, last)
    for (const event of fresh) {
      await stream.writeSSE({ id: String(event.seq), event: event.kind, data: JSON.stringify(timelineEntry(event)) })
      last = event.seq
      wroteAt = Date.now()
    }
    if (fresh.some((event) => event.kind === 'closed') || (fresh.length === 0 && (await isClosed(engine, id)))) return
    if (Date.now() - wroteAt > HEARTBEAT_INTERVAL_MS) {
      await stream.write(': heartbeat\n\n')
      wroteAt = Date.now()
    }
    await sleep(POLL_INTERVAL_MS, undefined, { signal: ending }).catch(() => {})
  }
}

async function isClosed(engine: Engine, id: string): Promise<boolean> {
  return (await readIncident(engine.database, id)).state === 'closed'
}
