import type { Context } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import type { Engine } from '../../engine/engine.ts'
import type { ApiEnv } from '../app.ts'
import type { Problem } from '../problem.ts'
import { answerPage } from './layout.tsx'
import { pageContext } from './page-context.ts'
import { askToSignIn } from './sign-in.tsx'

/** The page for an error: what happened, and a link back. A person without a session gets the page to sign in. */
export function errorPage(c: Context<ApiEnv>, engine: Engine, problem: Problem): Response | Promise<Response> {
  if (problem.status === 401) return askToSignIn(c, engine, problem.detail)
  const { retryAfterSeconds } = problem.data ?? {}
  if (typeof retryAfterSeconds === 'number') c.header('retry-after', String(retryAfterSeconds))
  const children = (
    <>
      <h1>{problem.title}</h1>
      <p class="problem" role="alert">
        {problem.detail}
      </p>
      <p>
        <a href={backPath(c.req.path)}>{backPath(c.req.path) === '/' ? 'To the inbox' : 'Back to the incident'}</a>
      </p>
    </>
  )
  const page = pageContext(engine, c.get('session'))
  return answerPage(c, { page, title: problem.title, children }, problem.status as ContentfulStatusCode)
}

function backPath(path: string): string {
  return /^\/incidents\/INC-\d+(?=\/)/.exec(path)?.[0] ?? '/'
}
