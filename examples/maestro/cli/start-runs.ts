import { MaestroError, messageOf } from '../errors.ts'
import type { Control } from '../supervisor/control-client.ts'

/** Input for each step, by the step's name: `{ transcode: { seconds: 2 } }`. */
export type RunInput = Record<string, Record<string, unknown>>

/** Requests new runs from the orchestrator and returns their ids. */
export async function startRuns(
  { state }: Control,
  workflow: string,
  count: number,
  input: RunInput = {},
): Promise<string[]> {
  let response: Response
  try {
    response = await fetch(`http://127.0.0.1:${state.ports.orchestrator}/runs`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ workflow, count, input }),
      signal: AbortSignal.timeout(10_000),
    })
  } catch (error) {
    throw new MaestroError('failed', `the orchestrator does not answer: ${messageOf((error as Error).cause ?? error)}`)
  }
  const answer = (await response.json()) as { runs?: string[]; error?: string }
  if (!answer.runs)
    throw new MaestroError(
      response.status === 400 ? 'usage' : 'failed',
      answer.error ?? `the orchestrator answered ${response.status}`,
    )
  return answer.runs
}
