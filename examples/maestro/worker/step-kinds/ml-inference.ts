import { ConnectionRefused } from '../step-failure.ts'
import type { StepKind } from './kind.ts'

/** Requests labels for the run from the ML inference service. */
export const mlInference: StepKind = async ({ run, signal, mlUrl }) => {
  let response: Response
  try {
    response = await fetch(`${mlUrl}/infer`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ run }),
      signal,
    })
  } catch (error) {
    throw ConnectionRefused.from(error, 'ml-inference', mlUrl) ?? error
  }
  const answer = (await response.json()) as Record<string, unknown>
  if (!response.ok) throw new Error(`ml-inference answered ${response.status}: ${String(answer.error)}`)
  return answer
}
