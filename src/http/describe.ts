import type { z } from '@hono/zod-openapi'
import { problemSchema } from './response-schemas.ts'

const PROBLEM = { content: { 'application/problem+json': { schema: problemSchema } } }

const REASONS = {
  400: 'What was given does not fit',
  401: 'No token, or one that is not known',
  403: 'This person may not',
  404: 'There is none',
  409: 'The state does not allow it',
  413: 'Too large',
  503: 'The database or Temporal does not answer',
} as const

type Status = keyof typeof REASONS

/** The answers of a route: its own, and the problems that it may come to beside those that every route has. */
export function answers<T extends z.ZodType, P extends Status = never>(schema: T, description: string, problems: P[]) {
  return {
    200: { description, content: { 'application/json': { schema } } },
    ...problemAnswers(problems),
  }
}

/** For routes whose answer is no JSON. */
export function problemAnswers(problems: Status[]) {
  const all: Status[] = [400, 401, ...problems, 503]
  return Object.fromEntries(all.map((status) => [status, { description: REASONS[status], ...PROBLEM }]))
}

/** A JSON body. */
export function jsonBody<T extends z.ZodType>(schema: T) {
  return { required: true, content: { 'application/json': { schema } } }
}
