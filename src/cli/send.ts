import { defined } from '../core/defined.ts'
import { isRunbookError, messageOf, RunbookError, type ErrorCode } from '../core/errors.ts'
import { VERSION_HEADER } from '../engine/own-version.ts'
import type { Address } from './address.ts'
import { isErrorCode } from './exit-codes.ts'

const TIMEOUT_MS = 10_000

export interface ApiRequest {
  method?: 'GET' | 'POST'
  headers?: Record<string, string>
  body?: string
  /**
   * A signal that aborts a response that is a stream. The timeout then covers only the time until the response starts.
   */
  until?: AbortSignal
}

/**
 * Sends one request to the API, with the token. Throws RunbookError: the error that the API returned, or `RUNBOOK_UNREACHABLE` if there is
 * no response within 10 s or the response is not from the API.
 */
export async function send(address: Address, path: string, request: ApiRequest = {}): Promise<Response> {
  const { url, token } = address
  const { until, headers, ...init } = request
  const timeout = new AbortController()
  const abort = () => timeout.abort()
  const timer = setTimeout(abort, TIMEOUT_MS)
  until?.addEventListener('abort', abort)
  try {
    const response = await fetch(`${url}${path}`, {
      ...init,
      // A redirect would send the token to another address.
      redirect: 'error',
      headers: { ...(token !== undefined && { authorization: `Bearer ${token}` }), ...headers },
      signal: timeout.signal,
    })
    const problem = response.ok ? undefined : await errorFrom(response, url)
    if (namesVersion(response, problem)) address.onVersion?.(response.headers.get(VERSION_HEADER))
    if (problem) throw problem
    // The whole body is read within the timeout. The body of a stream is read by the caller.
    return until ? response : new Response(response.status === 204 ? null : await response.arrayBuffer(), response)
  } catch (error) {
    if (isRunbookError(error) || until?.aborted) throw error
    if (timeout.signal.aborted)
      throw new RunbookError(
        'RUNBOOK_UNREACHABLE',
        `the API at ${url} did not answer within ${TIMEOUT_MS / 1000} s. Check it with "runbook doctor".`,
        { url },
      )
    throw unreachable(address, error)
  } finally {
    clearTimeout(timer)
    until?.removeEventListener('abort', abort)
  }
}

/** Whether the API names its version in this response: in every one to a caller whom it knows. Other errors are answered earlier. */
function namesVersion({ ok, status, headers }: Response, problem: RunbookError | undefined): boolean {
  return ok || headers.has(VERSION_HEADER) || (status === 404 && problem?.code === 'RUNBOOK_NOT_FOUND')
}

function unreachable({ url, start = '"runbook up"' }: Address, error: unknown): RunbookError {
  // The message of fetch's error is only "fetch failed"; the cause of the error has the reason.
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error
  const refused = (cause as { code?: string }).code === 'ECONNREFUSED'
  return new RunbookError(
    'RUNBOOK_UNREACHABLE',
    `the API at ${url} does not answer${refused ? '' : ` (${messageOf(cause)})`}. Start it with ${start}, or set RUNBOOK_URL to its address.`,
    { url },
    error,
  )
}

interface Problem {
  code: string
  detail: string
  data?: Record<string, unknown>
}

async function errorFrom(response: Response, url: string): Promise<RunbookError> {
  const problem = await readProblem(response)
  if (!problem)
    return new RunbookError(
      'RUNBOOK_UNREACHABLE',
      `the server at ${url} is not the runbook API (HTTP ${response.status}). Set RUNBOOK_URL to the API's address.`,
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
  return { code: problem.code, detail: problem.detail, ...defined({ data: problem.data }) }
}
