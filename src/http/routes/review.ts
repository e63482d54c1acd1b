import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi'
import type { Engine } from '../../engine/engine.ts'
import { readEvidenceByRef } from '../../engine/views/evidence.ts'
import { reviewMarkdown } from '../../engine/views/review-markdown.ts'
import { reviewJson } from '../../engine/views/review-json.ts'
import { evidenceView, review } from '../../engine/views/view-schemas.ts'
import { newApp, type ApiEnv } from '../app.ts'
import { answers, problemAnswers } from '../describe.ts'
import { evidenceParams, incidentParams } from '../request-schemas.ts'
import type { SendReview } from '../send-review.ts'

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

export function reviewRoutes({ database }: Engine, send: SendReview): OpenAPIHono<ApiEnv> {
  const app = newApp()
  app.openapi(asJson, async (c) => {
    const form = { contentType: 'application/json', text: reviewJson }
    // The route's type expects a value, but the response is sent as text in pieces.
    return (await send(c, c.req.valid('param').id, form)) as never
  })
  app.openapi(asMarkdown, (c): Promise<Response> =>
    send(c, c.req.valid('param').id, { contentType: 'text/markdown; charset=utf-8', text: reviewMarkdown }),
  )
  app.openapi(evidence, async (c) => {
    const { id, ref } = c.req.valid('param')
    return c.json(await readEvidenceByRef(database, id, ref), 200)
  })
  return app
}
