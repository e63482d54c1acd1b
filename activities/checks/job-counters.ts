/** The fields of a job's hash that count its attempts and stalls. BullMQ renamed these fields in 5.0 and again in 5.49. */
export const COUNTER_FIELDS = ['atm', 'attemptsMade', 'ats', 'stc', 'stalledCounter'] as const

export interface JobCounters {
  attemptsMade: number
  attemptsStarted: number
  stalls: number
}

/** The counters, computed from the values of `COUNTER_FIELDS` in their order. */
export function jobCounters(values: readonly (string | null)[]): JobCounters {
  const [made, madeBefore5, starts, stalls, stallsBefore549] = values.map((text) =>
    text === null ? null : Number(text),
  )
  return {
    attemptsMade: made ?? madeBefore5 ?? 0,
    // BullMQ before 5 counts an attempt when it starts.
    attemptsStarted: starts ?? madeBefore5 ?? 0,
    stalls: stalls ?? stallsBefore549 ?? 0,
  }
}
