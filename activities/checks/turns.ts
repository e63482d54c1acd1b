import { setImmediate as nextTurn } from 'node:timers/promises'

/**
 * How many characters are parsed before other work gets its turn. Parsing them takes some tens of milliseconds on a
 * slow core.
 */
const TURN_LENGTH = 256 * 1024

/**
 * Divides long work on texts into turns, so that heartbeats, timers and other checks of the process do not wait for it. `isOver` and `next`
 * are separate, because waiting for a promise after every line would take longer than parsing it.
 */
export class Turns {
  readonly #signal: AbortSignal | undefined
  #length = 0

  constructor(signal?: AbortSignal) {
    this.#signal = signal
  }

  /** Counts `length` characters of work; true if other work should have its turn before it. */
  isOver(length: number): boolean {
    this.#length += length
    return this.#length > TURN_LENGTH
  }

  /** Lets other work run. Throws if the work was aborted meanwhile. */
  async next(): Promise<void> {
    this.#length = 0
    await nextTurn()
    this.#signal?.throwIfAborted()
  }
}
