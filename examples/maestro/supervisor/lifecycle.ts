/** Notifies the supervisor that this process is ready. */
export function reportReady(): void {
  process.send?.({ ready: true })
}

/** Resolves on SIGTERM or SIGINT, and when the supervisor has exited, so that no process outlives the supervisor. */
export function waitForStop(): Promise<void> {
  return new Promise((stop) => {
    process.once('SIGTERM', () => stop())
    process.once('SIGINT', () => stop())
    process.once('disconnect', () => stop())
  })
}
