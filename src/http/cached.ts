/** Shares one result among all calls that arrive while `read` runs or within `ms` after it ended. */
export function cached<T>(ms: number, read: () => Promise<T>): () => Promise<T> {
  let current: Promise<T> | undefined
  let validUntil = Infinity
  return () => {
    if (current && performance.now() < validUntil) return current
    validUntil = Infinity
    current = read().finally(() => (validUntil = performance.now() + ms))
    return current
  }
}

/** Like `cached`, for each request by itself. A failure is not shared with later calls. At most `max` results are kept. */
export function cachedEach<R, T>(
  { ms, max }: { ms: number; max: number },
  read: (request: R) => Promise<T>,
): (request: R) => Promise<T> {
  const kept = new Map<string, () => Promise<T>>()
  return (request) => {
    const name = JSON.stringify(request)
    const one = kept.get(name) ?? cached(ms, () => read(request))
    // The result that was asked for last becomes the last one of the map, so that the first one can be forgotten.
    kept.delete(name)
    kept.set(name, one)
    if (kept.size > max) kept.delete(kept.keys().next().value!)
    return one().catch((error: unknown) => {
      if (kept.get(name) === one) kept.delete(name)
      throw error
    })
  }
}
