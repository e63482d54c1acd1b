/** A fixed number of slots. Callers that wait get them in the order in which they came. */
export class Slots {
  #free: number
  #waiting: (() => void)[] = []

  constructor(count: number) {
    this.#free = count
  }

  /**
   * Takes a slot and returns the function that gives it back; undefined if no slot was free within `waitMs`
   * milliseconds.
   */
  async acquire(waitMs: number): Promise<(() => void) | undefined> {
    if (this.#free > 0) this.#free -= 1
    else if (!(await this.#wait(waitMs))) return undefined
    let isHeld = true
    return () => {
      if (!isHeld) return
      isHeld = false
      // The slot passes directly to the first waiter, so that nobody else can take it in between.
      const next = this.#waiting.shift()
      if (next) next()
      else this.#free += 1
    }
  }

  #wait(waitMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const next = () => {
        clearTimeout(timer)
        resolve(true)
      }
      const timer = setTimeout(() => {
        this.#waiting = this.#waiting.filter((one) => one !== next)
        resolve(false)
      }, waitMs)
      this.#waiting.push(next)
    })
  }
}
