import { createRoute, type z } from '@hono/zod-openapi'
import { answers, jsonBody } from '../describe.ts'
import { reasonBody } from '../request-schemas.ts'

interface ReasonedChange<Path extends string, Params extends z.ZodObject, List extends z.ZodType> {
  path: Path
  summary: string
  params: Params
  list: List
  done: string
}

/** A route with which a person switches something on or off. The body has the reason; the answer is the list after the change. */
export function reasonedChange<Path extends string, Params extends z.ZodObject, List extends z.ZodType>(
  change: ReasonedChange<Path, Params, List>,
) {
  const { path, summary, params, list, done } = change
  return createRoute({
    method: 'post',
    path,
    summary,
    request: { params, body: jsonBody(reasonBody) },
    responses: answers(list, done, [403, 404, 409]),
  })
}
