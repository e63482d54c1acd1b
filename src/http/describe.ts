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

/** The answers of a route: its own, the given problems, and the problems that every route can have. */
export function answers<T extends z.ZodType, P extends Status = never>(schema: T, description: string, problems: P[]) {
  return {
    200: { description, content: { 'application/json': { schema } } },
    ...problemAnswers(problems),
  }
}

/** The problems alone, for routes that do not answer JSON. */
export function problemAnswers(problems: Status[]) {
  const all: Status[] = [400, 401, ...problems, 429, 503]
  return Object.fromEntries(all.map((status) => [status, { description: REASONS[status], ...PROBLEM }]))
}

/** A JSON body. */
export function jsonBody<T extends z.ZodType>(schema: T) {
  return { required: true, content: { 'application/json': { schema } } }
}
