/** The monitoring systems whose alerts the engine understands, by the format of their deliveries. */
export const ALERT_SOURCES = ['alertmanager', 'grafana', 'generic'] as const
export type AlertSource = (typeof ALERT_SOURCES)[number]

/** One alert, in the form that all sources have in common. */
export interface Alert {
  source: AlertSource
  /** Identifies the alert within its source. Alerts with the same labels have the same fingerprint. */
  fingerprint: string
  status: 'firing' | 'resolved'
  labels: Record<string, string>
  annotations: Record<string, string>
  /** When the alert began to fire (ISO 8601); null if the source does not say it. */
  startsAt: string | null
  /** The address where a person can see the alert; null if the source does not say it. */
  url: string | null
}

/**
 * The outcome of an alert. `opened` and `joined`: an incident. `repeated`: it was received before, and its incident is open. `quiet`:
 * counted on an incident that closed a short time ago. `late`: its end had already been received. `held`: maintenance holds it back.
 * `resolved`: the end of the alert was recorded. `unmatched`: no rule of the configuration matches it, or the matching rule cannot open an
 * incident. `refused`: it cannot be read.
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
