import type { OpenAPIHono } from '@hono/zod-openapi'
import type { Context, Next } from 'hono'
import type { ApiEnv } from './app.ts'
import { answerProblem, problem } from './problem.ts'

type Api = OpenAPIHono<ApiEnv>

/**
 * Returns a function that lists the methods of a path, from the registered routes. HEAD is added where there is GET, and OPTIONS is added
 * everywhere.
 */
export function openMethods(api: Api): (path: string) => string[] {
  const routes = api.routes
    .filter(({ method }) => method !== 'ALL')
    .map(({ method, path }) => ({ method, pattern: new RegExp(`^${path.replaceAll(/:[^/]+/g, '[^/]+')}$`) }))
  return (path) => {
    const found = new Set(routes.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method))
    if (found.size === 0) return []
    return [...found, ...(found.has('GET') ? ['HEAD'] : []), 'OPTIONS']
  }
}

/** Answers OPTIONS with the methods of the path. It needs no token, because /openapi.json shows the methods to everybody. */
export function answerOptions(methodsOf: (path: string) => string[]) {
  return async (c: Context, next: Next): Promise<Response | void> => {
    const methods = c.req.method === 'OPTIONS' ? methodsOf(c.req.path) : []
    if (methods.length === 0) return next()
    return c.body(null, 204, { allow: methods.join(', ') })
  }
}

/** A handler answers HEAD like GET. The body, which nobody will read, is ended, even if it is a stream. */
export async function endBodyOfHead(c: Context, next: Next): Promise<void> {
  await next()
  if (c.req.method === 'HEAD') await c.res.body?.cancel()
}

/** Answers 405 for a path that has other methods, and 404 for a path that does not exist. */
export function answerNoRoute(methodsOf: (path: string) => string[]) {
  return (c: Context): Response => {
    const { method, path } = c.req
    const methods = methodsOf(path)
    if (methods.length === 0) {
      const detail = `unknown route: ${method} ${path}; /openapi.json lists all routes`
      return answerProblem(c, problem(404, 'RUNBOOK_NOT_FOUND', detail))
    }
    c.header('allow', methods.join(', '))
    return answerProblem(c, problem(405, 'RUNBOOK_BAD_INPUT', `${path} has no ${method}: use ${methods.join(', ')}`))
  }
}
