import type { z } from '@hono/zod-openapi'
import { problemSchema } from './response-schemas.ts'

const PROBLEM = { content: { 'application/problem+json': { schema: problemSchema } } }

const REASONS = {
  400: 'The request does not fit the schema',
  401: 'No token, or an unknown one',
  403: 'This person is not allowed to do this',
  404: 'Not found',
  409: 'The current state does not allow this',
  413: 'The request body is too large',
  429: 'A limit of the configuration was reached: `Retry-After` says when to try again',
  503: 'The database or Temporal does not answer',
} as const

type Status = keyof typeof REASONS

/** The responses of a route for /openapi.json: the route's own response, the given problems, and the problems that every route can have. */
export function answers<T extends z.ZodType, P extends Status = never>(schema: T, description: string, problems: P[]) {
  return {
    200: { description, content: { 'application/json': { schema } } },
    ...problemAnswers(problems),
  }
}

/** Only the problem responses, for routes whose other responses are not JSON. */
export function problemAnswers(problems: Status[]) {
  const all: Status[] = [400, 401, ...problems, 429, 503]
  return Object.fromEntries(all.map((status) => [status, { description: REASONS[status], ...PROBLEM }]))
}

/** The description of a request body in JSON with this schema. */
export function jsonBody<T extends z.ZodType>(schema: T) {
  return { required: true, content: { 'application/json': { schema } } }
}
