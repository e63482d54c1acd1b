import { readUnmatched, textsOf, type StoredAlert } from '../../history/alerts.ts'
import type { Queryable } from '../../history/database.ts'
import { isoTime } from './iso-time.ts'
import type { AlertView } from './view-types.ts'

/** The alerts that could not be used, the latest first. */
export async function listUnmatched(db: Queryable, limit: number): Promise<AlertView[]> {
  return (await readUnmatched(db, limit)).map(alertView)
}

export function alertView({ incident: _incident, ...alert }: StoredAlert): AlertView {
  return {
    ...alert,
    labels: textsOf(alert.labels),
    annotations: textsOf(alert.annotations),
    startsAt: alert.startsAt && isoTime(alert.startsAt),
    firstAt: isoTime(alert.firstAt),
    lastAt: isoTime(alert.lastAt),
    resolvedAt: alert.resolvedAt && isoTime(alert.resolvedAt),
  }
}
