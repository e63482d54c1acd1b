import { setTimeout as pause } from 'node:timers/promises'
import { messageOf } from './errors.ts'
import type { JsonLog } from './json-log.ts'

/** Something that goes on until it is stopped; `stop` waits for the round under way. */
export interface Repeating {
  stop(): Promise<void>
}

/** Runs `work` again and again with `everyMs` between two rounds. A failing round is logged, and the next one is tried. */
export function repeat(name: string, everyMs: number, log: JsonLog, work: () => Promise<unknown>): Repeating {
  const stopping = new AbortController()
  const rounds = (async () => {
    let failing = false
    while (!stopping.signal.aborted) {
      try {
        await work()
        if (failing) log.info('loop.recovered', { loop: name })
        failing = false
      } catch (error) {
        // Once per outage, not once per round: a database that is down for a minute must not fill the log.
        if (!failing) log.error('loop.failing', { loop: name, error: messageOf(error) })
        failing = true
      }
      await pause(everyMs, undefined, { signal: stopping.signal }).catch(() => {})
    }
  })()
  return {
    async stop() {
      stopping.abort()
      await rounds
    },
  }
}

/**
 * Asks `question` until it answers something other than undefined.
 * @throws the error of `otherwise` when `withinMs` has passed.
 */
export async function until<T>(
  question: () => Promise<T | undefined>,
  { withinMs, everyMs = 50, otherwise }: { withinMs: number; everyMs?: number; otherwise: () => Error },
): Promise<T> {
  const deadline = Date.now() + withinMs
  for (;;) {
    const answer = await question()
    if (answer !== undefined) return answer
    if (Date.now() >= deadline) throw otherwise()
    await pause(everyMs)
  }
}
