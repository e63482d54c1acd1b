import { setTimeout as sleep } from 'node:timers/promises'

const EVERY_MS = 150

/** Asks until there is an answer; says what it waited for when there is none in time. */
export async function until<T>(what: string, ask: () => Promise<T | undefined>, withinMs = 60_000): Promise<T> {
  const end = Date.now() + withinMs
  for (;;) {
    const answer = await ask()
    if (answer !== undefined) return answer
    if (Date.now() > end) throw new Error(`not within ${withinMs / 1000} s: ${what}`)
    await sleep(EVERY_MS)
  }
}
