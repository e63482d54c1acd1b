import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi'
import type { Context } from 'hono'
import type { Engine } from '../../engine/engine.ts'
import { timelineEntry } from '../../engine/views/timeline.ts'
import type { Database } from '../../history/database.ts'
import { EVENTS_AT_ONCE, readEvents, readIncident } from '../../history/incidents.ts'
import { newApp, type ApiEnv } from '../app.ts'
import { problemAnswers } from '../describe.ts'
import { IncidentHeads } from '../incident-heads.ts'
import { Slots } from '../limits.ts'
import { streamOf } from '../stream-of.ts'
import { incidentParams } from '../request-schemas.ts'

const POLL_INTERVAL_MS = 300
const HEARTBEAT_INTERVAL_MS = 15_000
/** How often a stream asks whether its reader may still read. */
const ASK_INTERVAL_MS = 2_000
/** A stream ends after this time; the client reconnects with Last-Event-ID. */
const MAX_STREAM_MS = 30 * 60_000

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

/**
 * Returns a function that answers requests for the events of an incident after the event with this number. `name`: the name of every event
 * in the stream; default: the event's kind. `mayRead`: asked every few seconds; the stream ends when it returns false.
 */
export type EventStreams = (
  c: Context<ApiEnv>,
  id: string,
  after: number,
  options?: Pick<Followed, 'name' | 'mayRead'>,
) => Promise<Response>

/**
 * `ending` is aborted when the server stops: streams end, and clients reconnect to the next server. The streams share one query per
 * poll interval, and each needs memory, so their number is limited. The limit counts the streams of the API and of the pages together.
 */
export function eventStreams({ database, config }: Engine, ending: AbortSignal): EventStreams {
  const { eventStreams: all, eventStreamsPerPerson: perPerson } = config.limits
  const slots = new Slots('event streams', { all, perPerson })
  const heads = new IncidentHeads(database, POLL_INTERVAL_MS)
  return async (c, id, after, options = {}) => {
    const { state } = await readIncident(database, id)
    if (state === 'closed' && (await readEvents(database, id, after, 1)).length === 0) return c.body(null, 204)
    const release = slots.take(c.get('person').name)
    heads.join(id)
    const ended = () => {
      heads.leave(id)
      release()
    }
    const followed = { id, after, ...options }
    const body = streamOf((signal) => follow(database, heads, followed, AbortSignal.any([signal, ending])), {
      gone: c.req.raw.signal,
      ended,
    })
    return c.body(body, 200, { 'content-type': 'text/event-stream' })
  }
}

export function eventRoutes(streams: EventStreams): OpenAPIHono<ApiEnv> {
  const app = newApp()
  app.openapi(events, (c): Promise<Response> => {
    const after = Number(c.req.valid('header')['last-event-id'] ?? 0)
    return streams(c, c.req.valid('param').id, after)
  })
  return app
}

interface Followed {
  id: string
  after: number
  name?: string
  mayRead?: () => Promise<boolean>
}

async function* follow(
  database: Database,
  heads: IncidentHeads,
  { id, after, name, mayRead }: Followed,
  ending: AbortSignal,
): AsyncGenerator<string> {
  const startedAt = performance.now()
  let last = after
  let wroteAt = startedAt
  let askedAt = startedAt
  let hasMore = true
  while (!ending.aborted && performance.now() - startedAt < MAX_STREAM_MS) {
    if (mayRead && performance.now() - askedAt > ASK_INTERVAL_MS) {
      if (!(await mayRead())) return
      askedAt = performance.now()
    }
    const fresh = hasMore ? await readEvents(database, id, last, EVENTS_AT_ONCE) : []
    for (const event of fresh) {
      yield `event: ${name ?? event.kind}\ndata: ${JSON.stringify(timelineEntry(event))}\nid: ${event.seq}\n\n`
      last = event.seq
      wroteAt = performance.now()
    }
    if (fresh.some((event) => event.kind === 'closed')) return
    if (fresh.length === EVENTS_AT_ONCE) continue
    if (performance.now() - wroteAt > HEARTBEAT_INTERVAL_MS) {
      yield ': heartbeat\n\n'
      wroteAt = performance.now()
    }
    const head = await heads.next(id)
    hasMore = head === undefined || head.seq > last
    if (head?.closed && !hasMore) return
  }
}
