import { setTimeout as pause } from 'node:timers/promises'
import { messageOf } from './errors.ts'
import type { JsonLog } from './json-log.ts'

/** A running loop. `stop` ends it and waits for the current iteration. */
export interface Loop {
  stop(): Promise<void>
}

/** Runs `work` repeatedly, with a pause of `intervalMs` after each iteration. A failed iteration is logged, and the loop continues. */
export function repeat(name: string, intervalMs: number, log: JsonLog, work: () => Promise<unknown>): Loop {
  const stopping = new AbortController()
  const iterations = (async () => {
    let failing = false
    while (!stopping.signal.aborted) {
      try {
        await work()
        if (failing) log.info('loop.recovered', { loop: name })
        failing = false
      } catch (error) {
        // Log once per outage, not once per iteration, so that a database outage does not fill the log.
        if (!failing) log.error('loop.failing', { loop: name, error: messageOf(error) })
        failing = true
      }
      await pause(intervalMs, undefined, { signal: stopping.signal }).catch(() => {})
    }
  })()
  return {
    async stop() {
      stopping.abort()
      await iterations
    },
  }
}

/**
 * Calls `poll` until it returns something other than undefined.
 * @throws the result of `timeoutError` after `timeoutMs`
 */
export async function until<T>(
  poll: () => Promise<T | undefined>,
  { timeoutMs, intervalMs = 50, timeoutError }: { timeoutMs: number; intervalMs?: number; timeoutError: () => Error },
): Promise<T> {
  const deadline = Date.now() + timeoutMs
  for (;;) {
    const result = await poll()
    if (result !== undefined) return result
    if (Date.now() >= deadline) throw timeoutError()
    await pause(intervalMs)
  }
}
