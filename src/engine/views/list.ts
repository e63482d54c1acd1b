import type { Queryable } from '../../history/database.ts'
import { listIncidents as listRows, type IncidentFilter, type IncidentRow } from '../../history/incidents.ts'
import type { IncidentSummary } from './view-types.ts'

/** Incidents, newest first. */
export async function listIncidents(db: Queryable, filter: IncidentFilter): Promise<IncidentSummary[]> {
  return (await listRows(db, filter)).map(summaryOf)
}

export function summaryOf({ startedAt: _started, runId: _run, cancelledAt, ...row }: IncidentRow): IncidentSummary {
  return {
    ...row,
    inputs: row.inputs ?? {},
    cancelling: cancelledAt !== null && row.closedAt === null,
    ...(row.inputs === null ? { unreadable: ['inputs'] } : {}),
  }
}
