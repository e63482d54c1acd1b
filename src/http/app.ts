import { OpenAPIHono } from '@hono/zod-openapi'
import { RunbookError } from '../core/errors.ts'
import type { Person } from '../core/person.ts'

/** The variables in the context of every route under /v1. */
export interface ApiEnv {
  Variables: { person: Person }
}

/** An empty app whose routes refuse requests that do not fit their schemas; the answer names each field with a problem. */
export function newApp(): OpenAPIHono<ApiEnv> {
  return new OpenAPIHono<ApiEnv>({
    defaultHook: (result) => {
      if (result.success) return
      const problems = result.error.issues.map((issue) => {
        const where = issue.path.length > 0 ? issue.path.join('.') : result.target
        return `${where}: ${issue.message}`
      })
      throw new RunbookError('RUNBOOK_BAD_INPUT', problems.join('; '), { problems })
    },
  })
}
