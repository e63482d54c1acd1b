import type { IncomingMessage } from 'node:http'
import type { Context } from 'hono'
import { RunbookError } from '../core/errors.ts'

/** The limits of one API process. The limits of the history (`limits.perIncident`) apply to all processes together: src/gate/tallies.ts. */

const MINUTE_MS = 60_000
/**
 * The maximum number of names that are remembered. Above it, the names whose last request is the oldest are forgotten and have their full
 * limit again.
 */
const MAX_NAMES = 10_000

export function tooMany(what: string, seconds: number): RunbookError {
  return new RunbookError(
    'RUNBOOK_TOO_MANY_REQUESTS',
    `${what}: try again in ${seconds} s. The limits are in runbook.config.yaml, under "limits".`,
    { retryAfterSeconds: seconds },
  )
}

/** Limits the requests per minute for each name. A name that has sent none for a minute may send the whole minute's number at once. */
export class RateLimit {
  readonly #perMinute: number
  readonly #now: () => number
  readonly #names = new Map<string, { left: number; at: number }>()

  constructor(perMinute: number, now: () => number = () => performance.now()) {
    this.#perMinute = perMinute
    this.#now = now
  }

  /** Counts one request. Returns 0 if it is allowed, otherwise the number of seconds to wait. */
  take(name: string): number {
    const at = this.#now()
    const last = this.#names.get(name) ?? { left: this.#perMinute, at }
    const left = Math.min(this.#perMinute, last.left + ((at - last.at) / MINUTE_MS) * this.#perMinute)
    const isTaken = left >= 1
    // The entry is deleted before it is set, so that the map stays ordered by the time of the last request.
    this.#names.delete(name)
    this.#names.set(name, { left: isTaken ? left - 1 : left, at })
    if (this.#names.size > MAX_NAMES) this.#names.delete(this.#names.keys().next().value!)
    return isTaken ? 0 : Math.ceil(((1 - left) / this.#perMinute) * 60)
  }
}

/** Limits how many responses may be in progress at the same time, in total and for one person. */
export class Slots {
  readonly #what: string
  readonly #all: number
  readonly #perPerson: number
  readonly #taken = new Map<string, number>()

  constructor(what: string, limits: { all: number; perPerson: number }) {
    this.#what = what
    this.#all = limits.all
    this.#perPerson = limits.perPerson
  }

  get taken(): number {
    return [...this.#taken.values()].reduce((sum, count) => sum + count, 0)
  }

  /**
   * Takes a slot and returns a function that releases it; calling that function a second time does nothing. Throws
   * `RUNBOOK_TOO_MANY_REQUESTS`.
   */
  take(person: string): () => void {
    const own = this.#taken.get(person) ?? 0
    if (own >= this.#perPerson) throw tooMany(`${person} has ${own} ${this.#what} open`, 2)
    if (this.taken >= this.#all) throw tooMany(`${this.taken} ${this.#what} are open`, 2)
    this.#taken.set(person, own + 1)
    let isTaken = true
    return () => {
      if (!isTaken) return
      isTaken = false
      const left = this.#taken.get(person)! - 1
      if (left === 0) this.#taken.delete(person)
      else this.#taken.set(person, left)
    }
  }
}

/** The address of the client; behind a proxy, the address of the proxy. */
export function addressOf(c: Context): string {
  const { incoming } = (c.env ?? {}) as { incoming?: IncomingMessage }
  return incoming?.socket.remoteAddress ?? 'unknown'
}
