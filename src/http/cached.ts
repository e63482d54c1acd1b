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
