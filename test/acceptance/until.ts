import { setTimeout as sleep } from 'node:timers/promises'

const POLL_INTERVAL_MS = 150

/** Calls `poll` until it returns something other than undefined. `description` names the condition in the timeout error. */
export async function until<T>(
  description: string,
  poll: () => Promise<T | undefined>,
  timeoutMs = 60_000,
): Promise<T> {
  const deadline = Date.now() + timeoutMs
  for (;;) {
    const result = await poll()
    if (result !== undefined) return result
    if (Date.now() > deadline) throw new Error(`timed out after ${timeoutMs / 1000} s waiting for: ${description}`)
    await sleep(POLL_INTERVAL_MS)
  }
}
