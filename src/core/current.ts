/**
 * A value that can be replaced while it is in use. Each use keeps the value that was current when it began. `release` is called with a
 * replaced value after its last use, and with all values that are still needed.
 */
export class Current<T extends object> {
  #value: T
  readonly #uses = new Map<T, number>()
  readonly #release: (replaced: T, needed: T[]) => void
  readonly #listeners: ((next: T, replaced: T) => void)[] = []

  constructor(value: T, release: (replaced: T, needed: T[]) => void = () => {}) {
    this.#value = value
    this.#release = release
  }

  get value(): T {
    return this.#value
  }

  /** Calls `call` with the current value. The value is not released before the call has ended. */
  async use<R>(call: (value: T) => R | Promise<R>): Promise<R> {
    const value = this.#value
    this.#uses.set(value, (this.#uses.get(value) ?? 0) + 1)
    try {
      return await call(value)
    } finally {
      const left = this.#uses.get(value)! - 1
      if (left > 0) this.#uses.set(value, left)
      else this.#uses.delete(value)
      if (left === 0 && value !== this.#value) this.#release(value, this.#needed())
    }
  }

  replace(next: T): void {
    const replaced = this.#value
    if (next === replaced) return
    this.#value = next
    for (const listener of this.#listeners) listener(next, replaced)
    if (!this.#uses.has(replaced)) this.#release(replaced, this.#needed())
  }

  /** Registers a listener that is called after each replacement, when the new value is already current. */
  onReplaced(listener: (next: T, replaced: T) => void): void {
    this.#listeners.push(listener)
  }

  #needed(): T[] {
    return [this.#value, ...this.#uses.keys()]
  }
}
