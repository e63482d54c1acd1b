import { isRunbookError, messageOf, RunbookError, type ErrorCode } from '../core/errors.ts'
import type { Address } from './address.ts'
import { isErrorCode } from './exit-codes.ts'

const TIMEOUT_MS = 10_000

export interface Sending {
  method?: 'GET' | 'POST'
  headers?: Record<string, string>
  body?: string
  /** For answers that are streams: the time limit is then for their beginning alone. */
  until?: AbortSignal
}

/**
 * One request to the API, with the token. Throws RunbookError: the server's own problem, or `RUNBOOK_UNREACHABLE` when nothing
 * answers within 10 s or something else than the API does.
 */
export async function send(address: Address, path: string, sending: Sending = {}): Promise<Response> {
  const { url, token } = address
  const { until, headers, ...init } = sending
  const limit = new AbortController()
  const end = () => limit.abort()
  const timer = setTimeout(end, TIMEOUT_MS)
  until?.addEventListener('abort', end)
  try {
    const response = await fetch(`${url}${path}`, {
      ...init,
      // A token is for this address and for no other.
      redirect: 'error',
      headers: { ...(token === undefined ? {} : { authorization: `Bearer ${token}` }), ...headers },
      signal: limit.signal,
    })
    if (!response.ok) throw await problemIn(response, url)
    // Read whole while the time limit runs; a stream is read by who asked for it.
    return until ? response : new Response(response.status === 204 ? null : await response.arrayBuffer(), response)
  } catch (error) {
    if (isRunbookError(error) || until?.aborted) throw error
    if (limit.signal.aborted)
      throw new RunbookError('RUNBOOK_UNREACHABLE', `the API at ${url} did not answer within ${TIMEOUT_MS / 1000} s`, {
        url,
      })
    throw unreachable(address, error)
  } finally {
    clearTimeout(timer)
    until?.removeEventListener('abort', end)
  }
}

function unreachable({ url, start = '"runbook up"' }: Address, error: unknown): RunbookError {
  // What fetch throws says "fetch failed"; why stands beneath.
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error
  const refused = (cause as { code?: string }).code === 'ECONNREFUSED'
  return new RunbookError(
    'RUNBOOK_UNREACHABLE',
    `the API at ${url} does not answer${refused ? '' : ` (${messageOf(cause)})`}: start it with ${start}, or set RUNBOOK_URL to where it is`,
    { url },
    error,
  )
}

interface Problem {
  code: string
  detail: string
  data?: Record<string, unknown>
}

async function problemIn(response: Response, url: string): Promise<Error> {
  const problem = await readProblem(response)
  if (!problem)
    return new RunbookError(
      'RUNBOOK_UNREACHABLE',
      `what answers at ${url} is not the runbook API (HTTP ${response.status}): set RUNBOOK_URL to where that is`,
      { url },
    )
  const { code, detail, data } = problem
  if (code === 'RUNBOOK_NOT_AUTHENTICATED')
    return new RunbookError(code, `${detail}, in the environment or in .runbook/env (the API is at ${url})`, data)
  const known: ErrorCode = isErrorCode(code) ? code : 'RUNBOOK_UNREACHABLE'
  return new RunbookError(known, detail, data)
}

async function readProblem(response: Response): Promise<Problem | undefined> {
  if (!response.headers.get('content-type')?.startsWith('application/problem+json')) return undefined
  const problem = (await response.json().catch(() => undefined)) as Partial<Problem> | undefined
  if (typeof problem?.code !== 'string' || typeof problem.detail !== 'string') return undefined
  return { code: problem.code, detail: problem.detail, ...(problem.data ? { data: problem.data } : {}) }
}
