/** The monitoring systems whose alerts are understood, by the format of what they send. */
export const ALERT_SOURCES = ['alertmanager', 'grafana', 'generic'] as const
export type AlertSource = (typeof ALERT_SOURCES)[number]

/** One alert, in the form that all sources have in common. */
export interface Alert {
  source: AlertSource
  /** Identifies the alert within its source: the same labels have the same fingerprint. */
  fingerprint: string
  status: 'firing' | 'resolved'
  labels: Record<string, string>
  annotations: Record<string, string>
  /** ISO 8601: when it began to fire; null where the source does not say it. */
  startsAt: string | null
  /** Where a person can look at the alert; null where the source does not say it. */
  url: string | null
}

/**
 * The outcome of an alert. `opened` and `joined`: an incident. `repeated`: it was received before, and its incident is open. `quiet`: counted
 * on an incident that closed a short time ago. `late`: it had been resolved before. `held`: maintenance holds
 * it back. `resolved`: recorded. `unmatched`: no rule of the
 * configuration matches it, or the matching rule cannot open an incident. `refused`: it cannot be read.
 */
export const ALERT_RESULTS = [
  'opened',
  'joined',
  'repeated',
  'quiet',
  'late',
  'held',
  'resolved',
  'unmatched',
  'refused',
] as const
export type AlertResult = (typeof ALERT_RESULTS)[number]
