import { RunbookError } from '../core/errors.ts'
import { outsideLimit } from './waiting.ts'

const MAX_WAIT_MS = 60_000

/**
 * The memory that the checks of one process may use together. Each check reserves the maximum that it may need, and
 * waits until that much is free. Reservations are granted in the order of the requests, so that small ones do not keep
 * a large one waiting for ever.
 */
export class MemoryBudget {
  readonly #total: number
  #free: number
  #waiting: { bytes: number; grant: () => void }[] = []

  constructor(bytes: number) {
    this.#total = bytes
    this.#free = bytes
  }

  /**
   * Reserves `bytes`, or the whole budget if `bytes` is larger, and runs `work`. The wait does not count towards the
   * check's time. After a minute of waiting, this throws an error for which `isBusy` is true, and the caller must try
   * again.
   */
  async with<T>(bytes: number, work: () => Promise<T>): Promise<T> {
    const reserved = Math.min(bytes, this.#total)
    if (!(await outsideLimit(() => this.#reserve(reserved))))
      throw new RunbookError(
        'RUNBOOK_UNREACHABLE',
        `other checks of this process use its memory budget of ${this.#total / 1024 / 1024} MB; trying again. A larger checks.memoryMb lets more checks run at a time`,
        { busy: true },
      )
    try {
      return await work()
    } finally {
      this.#free += reserved
      this.#grantFitting()
    }
  }

  #reserve(bytes: number): Promise<boolean> {
    return new Promise((resolve) => {
      const request = {
        bytes,
        grant: () => {
          clearTimeout(timer)
          resolve(true)
        },
      }
      const timer = setTimeout(() => {
        this.#waiting = this.#waiting.filter((one) => one !== request)
        resolve(false)
        this.#grantFitting()
      }, MAX_WAIT_MS)
      this.#waiting.push(request)
      this.#grantFitting()
    })
  }

  #grantFitting(): void {
    while (this.#waiting[0] && this.#waiting[0].bytes <= this.#free) {
      const request = this.#waiting.shift()!
      this.#free -= request.bytes
      request.grant()
    }
  }
}
