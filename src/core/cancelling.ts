import type { IncidentState } from './incident.ts'

/** When an incident that a person cancelled closes, by the state of the incident. The text is the end of a sentence. */
export const CLOSES_WHEN: Record<IncidentState, string> = {
  open: 'nothing was started, so it closes as soon as a worker reads the cancellation',
  diagnosing: 'it closes when the running checks have ended',
  deciding: 'nothing is being applied, so it closes as soon as a worker reads the cancellation',
  applying: 'it closes after the target that the remedy is being applied to',
  verifying: 'it closes after the running sample of the verification',
  closed: 'it is closed',
}
