import type { Context } from 'hono'
import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi'
import type { Engine } from '../../engine/engine.ts'
import { readEvidenceByRef } from '../../engine/views/evidence.ts'
import { reviewMarkdown } from '../../engine/views/review-markdown.ts'
import { reviewJson } from '../../engine/views/review-json.ts'
import { openReview, type ReviewParts } from '../../engine/views/review.ts'
import { evidenceView, review } from '../../engine/views/view-schemas.ts'
import { newApp, type ApiEnv } from '../app.ts'
import { answers, problemAnswers } from '../describe.ts'
import { Slots } from '../limits.ts'
import { gathered, streamOf } from '../stream-of.ts'
import { evidenceParams, incidentParams } from '../request-schemas.ts'

const asJson = createRoute({
  method: 'get',
  path: '/v1/incidents/{id}/review.json',
  summary: 'Everything about an incident',
  request: { params: incidentParams },
  responses: answers(review, 'The review', [404]),
})

const asMarkdown = createRoute({
  method: 'get',
  path: '/v1/incidents/{id}/review.md',
  summary: 'Everything about an incident, as Markdown',
  request: { params: incidentParams },
  responses: {
    200: { description: 'The review', content: { 'text/markdown': { schema: z.string() } } },
    ...problemAnswers([404]),
  },
})

const evidence = createRoute({
  method: 'get',
  path: '/v1/incidents/{id}/evidence/{ref}',
  summary: 'The result of one check, by its digest',
  request: { params: evidenceParams },
  responses: answers(evidenceView, 'The evidence', [404]),
})

export function reviewRoutes({ database, config }: Engine): OpenAPIHono<ApiEnv> {
  const app = newApp()
  const { reviews } = config.limits
  const slots = new Slots('reviews', { all: reviews, perPerson: Math.ceil(reviews / 2) })
  const send = async (
    c: Context<ApiEnv>,
    id: string,
    contentType: string,
    text: (review: ReviewParts) => AsyncGenerator<string>,
  ) => {
    const release = slots.take(c.get('person').name)
    try {
      const parts = await openReview(database, id)
      const body = streamOf(() => gathered(text(parts)), { gone: c.req.raw.signal, ended: release })
      return c.body(body, 200, { 'content-type': contentType })
    } catch (error) {
      release()
      throw error
    }
  }
  app.openapi(asJson, async (c) => {
    // The route's type expects a value, but the response is sent as text in pieces.
    return (await send(c, c.req.valid('param').id, 'application/json', reviewJson)) as never
  })
  app.openapi(asMarkdown, (c): Promise<Response> =>
    send(c, c.req.valid('param').id, 'text/markdown; charset=utf-8', reviewMarkdown),
  )
  app.openapi(evidence, async (c) => {
    const { id, ref } = c.req.valid('param')
    return c.json(await readEvidenceByRef(database, id, ref), 200)
  })
  return app
}
