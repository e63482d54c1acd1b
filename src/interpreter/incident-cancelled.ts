/** The type of the failure with which an activity reports that a person cancelled the incident during the activity's wait. */
export const INCIDENT_CANCELLED = 'RUNBOOK_INCIDENT_CANCELLED'

/** Thrown by `Host.runChecks` if the incident is cancelled while it waits for a connection. The message names the person. */
export class IncidentCancelled extends Error {
  override readonly name = 'IncidentCancelled'
}
