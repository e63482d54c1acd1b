import type { Context } from 'hono'
import type { z } from 'zod'
import { isRunbookError, RunbookError } from '../../core/errors.ts'
import type { Engine } from '../../engine/engine.ts'
import type { ApiEnv } from '../app.ts'
import { problemOf, type Problem } from '../problem.ts'
import { answerIncident } from './incident.tsx'
import { requireIncidentId } from './incident-id.ts'

/**
 * If the request is refused, shows the incident (or the page of `answer`) with the reason, so that the person sees the present state and
 * can continue there.
 */
export async function onIncidentPage(
  c: Context<ApiEnv>,
  engine: Engine,
  work: () => Promise<Response>,
  answer: (problem: Problem) => Response | Promise<Response> = (problem) =>
    answerIncident(c, engine, requireIncidentId(c), problem),
): Promise<Response> {
  try {
    return await work()
  } catch (error) {
    if (!isRunbookError(error) || isRunbookError(error, 'RUNBOOK_NOT_FOUND')) throw error
    return answer(problemOf(error))
  }
}

/** Reads the fields of a form. Throws `RUNBOOK_BAD_INPUT`. */
export function readForm<T>(schema: z.ZodType<T>, fields: unknown): T {
  const found = schema.safeParse(fields)
  if (found.success) return found.data
  const problems = found.error.issues.map(({ path, message }) => `${path.join('.') || 'the form'}: ${message}`)
  throw new RunbookError('RUNBOOK_BAD_INPUT', `${problems.join('; ')}. Reload the page and try again.`)
}
