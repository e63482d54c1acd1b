import { OpenAPIHono } from '@hono/zod-openapi'
import type { Role } from '../core/access.ts'
import { RunbookError } from '../core/errors.ts'
import type { Person } from '../core/person.ts'
import type { Session } from '../engine/sessions.ts'

/** A session with the role of its person over what the route shows; undefined if the person has none. */
export interface SignedIn extends Session {
  role?: Role | undefined
}

/** The variables in the context of a route. */
export interface ApiEnv {
  Variables: {
    /** Set only in routes whose callers are people (`access.ts`). */
    person: Person
    /** Set only in pages that need a session. */
    session: SignedIn
    /** Counts a failed authentication for the caller's address, and returns the error to throw. */
    limitFailures: (error: unknown) => unknown
  }
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
