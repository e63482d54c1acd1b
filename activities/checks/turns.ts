import { setImmediate as nextTurn } from 'node:timers/promises'

/** How many characters are parsed before other work of the process runs. Parsing them takes some tens of milliseconds on a slow core. */
const TURN_LENGTH = 256 * 1024

/**
 * Divides long work on texts into parts, so that heartbeats, timers and other checks of the process do not wait for it. `isOver` and `next`
 * are separate functions, because waiting for a promise after every line would take longer than parsing the line.
 */
export class Turns {
  readonly #signal: AbortSignal | undefined
  #length = 0

  constructor(signal?: AbortSignal) {
    this.#signal = signal
  }

  /** Counts `length` characters of work. Returns true if other work should run before them. */
  isOver(length: number): boolean {
    this.#length += length
    return this.#length > TURN_LENGTH
  }

  /** Lets other work run. Throws if the work was aborted in the meantime. */
  async next(): Promise<void> {
    this.#length = 0
    await nextTurn()
    this.#signal?.throwIfAborted()
  }
}
