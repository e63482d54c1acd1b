import { AsyncLocalStorage } from 'node:async_hooks'

/** A time limit that is paused while the work waits for the engine itself. */
interface PausableLimit {
  pause(): void
  resume(): void
}

const current = new AsyncLocalStorage<PausableLimit>()

export interface LimitedWork {
  /** A signal that is aborted when the time is over. */
  signal: AbortSignal
  /** How long the work has taken so far, without pauses, in milliseconds. */
  elapsed(): number
}

/** Runs `work` with a limit of `ms` milliseconds. The time of `outsideLimit` calls within it is not counted. */
export async function withPausableLimit<T>(ms: number, work: (limited: LimitedWork) => Promise<T>): Promise<T> {
  const timeout = new AbortController()
  let spent = 0
  let pauses = 0
  let runningSince = performance.now()
  const elapsed = () => spent + (pauses > 0 ? 0 : performance.now() - runningSince)
  const start = () => setTimeout(() => timeout.abort(), Math.max(0, ms - spent))
  let timer = start()
  const limit: PausableLimit = {
    pause() {
      pauses += 1
      if (pauses > 1) return
      clearTimeout(timer)
      spent += performance.now() - runningSince
    },
    resume() {
      pauses -= 1
      if (pauses > 0) return
      runningSince = performance.now()
      timer = start()
    },
  }
  try {
    return await current.run(limit, () => work({ signal: timeout.signal, elapsed }))
  } finally {
    clearTimeout(timer)
    // Work that continues after everybody stopped waiting for it must not start the timer again.
    limit.pause()
  }
}

/** Runs `wait` and does not count its time towards the limit of the work that calls it. Without a limit, this only runs `wait`. */
export async function outsideLimit<T>(wait: () => Promise<T>): Promise<T> {
  const limit = current.getStore()
  if (!limit) return wait()
  limit.pause()
  try {
    return await wait()
  } finally {
    limit.resume()
  }
}
