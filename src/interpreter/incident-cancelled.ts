/** The type of the failure by which an activity says that a person cancelled the incident while it waited. */
export const INCIDENT_CANCELLED = 'RUNBOOK_INCIDENT_CANCELLED'

/** Thrown by `Host.runChecks` if the incident is cancelled while it waits for a connection. The message names the person. */
export class IncidentCancelled extends Error {
  override readonly name = 'IncidentCancelled'
}
