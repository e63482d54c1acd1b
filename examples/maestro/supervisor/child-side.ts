/** Tells the supervisor that this process does its work now. */
export function ready(): void {
  process.send?.({ ready: true })
}

/** Resolves at SIGTERM or SIGINT, and when the supervisor is gone: nothing of Maestro outlives it. */
export function whenToldToStop(): Promise<void> {
  return new Promise((stop) => {
    process.once('SIGTERM', () => stop())
    process.once('SIGINT', () => stop())
    process.once('disconnect', () => stop())
  })
}
