import { setTimeout as sleep } from 'node:timers/promises'
import { readHeads, type Head } from '../history/incidents.ts'
import type { Queryable } from '../history/database.ts'

/**
 * How far the histories of the followed incidents are. All streams that wait share one query in each interval, so that many open pages cost
 * the database no more than a few.
 */
export class IncidentHeads {
  readonly #followed = new Map<string, number>()
  readonly #database: Queryable
  readonly #intervalMs: number
  #next: Promise<Map<string, Head>> | undefined

  constructor(database: Queryable, intervalMs: number) {
    this.#database = database
    this.#intervalMs = intervalMs
  }

  /** Begins to read this incident with the others. Each call needs one call of `leave`. */
  join(id: string): void {
    this.#followed.set(id, (this.#followed.get(id) ?? 0) + 1)
  }

  leave(id: string): void {
    const left = (this.#followed.get(id) ?? 1) - 1
    if (left === 0) this.#followed.delete(id)
    else this.#followed.set(id, left)
  }

  /**
   * The state after the next interval; undefined if the incident was joined after the query had begun. Rejects if the database does not
   * answer.
   */
  async next(id: string): Promise<Head | undefined> {
    this.#next ??= this.#read()
    return (await this.#next).get(id)
  }

  async #read(): Promise<Map<string, Head>> {
    try {
      await sleep(this.#intervalMs)
      return await readHeads(this.#database, [...this.#followed.keys()])
    } finally {
      this.#next = undefined
    }
  }
}
