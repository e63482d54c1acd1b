/**
 * The latest moment at which something may start, on two clocks of this machine. The time of day can be set back, for example by a time
 * server. The other clock only counts up, from a moment that all processes of the machine share, but it stops while the machine is
 * suspended. What is too late on either clock is not started.
 */
export interface StartBy {
  /** Milliseconds since 1970. */
  timeOfDay: number
  /** Milliseconds of `process.hrtime`. */
  steady: number
}

export function startWithin(ms: number): StartBy {
  return { timeOfDay: Date.now() + ms, steady: steadyNow() + ms }
}

export function isTooLate({ timeOfDay, steady }: StartBy): boolean {
  return Date.now() > timeOfDay || steadyNow() > steady
}

function steadyNow(): number {
  return Number(process.hrtime.bigint() / 1_000_000n)
}
