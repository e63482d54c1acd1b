/** Returns the result of `work`, or an error after `ms` milliseconds. `work` itself is not stopped, but nobody waits for it any longer. */
export async function withTimeout<T>(ms: number, work: () => Promise<T>): Promise<T> {
  const timeout = new AbortController()
  const timer = setTimeout(() => timeout.abort(new Error(`no answer within ${ms / 1000} s`)), ms)
  try {
    return await withSignal(timeout.signal, work)
  } finally {
    clearTimeout(timer)
  }
}

/**
 * Returns the result of `work`, or throws the signal's reason once the signal is aborted. `work` must react to the signal itself to stop.
 */
export async function withSignal<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  signal.throwIfAborted()
  let stopWaiting = () => {}
  const aborted = new Promise<never>((_, reject) => {
    stopWaiting = () => reject(signal.reason as Error)
    signal.addEventListener('abort', stopWaiting)
  })
  try {
    return await Promise.race([work(), aborted])
  } finally {
    signal.removeEventListener('abort', stopWaiting)
  }
}
