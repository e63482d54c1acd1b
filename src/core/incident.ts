import { RunbookError } from './errors.ts'
import type { JsonObject } from './json.ts'

export const INCIDENT_STATES = ['open', 'diagnosing', 'deciding', 'applying', 'verifying', 'closed'] as const

export type IncidentState = (typeof INCIDENT_STATES)[number]

export const OUTCOMES = [
  'resolved',
  'cleared',
  'no-action',
  'declined',
  'expired',
  'escalated',
  'handed-off',
  'failed',
  'cancelled',
] as const

export type Outcome = (typeof OUTCOMES)[number]

/** The second input of the workflow `runbook.<name>`, after the plan. */
export interface IncidentStart {
  incident: string
  planDigest: string
  inputs: JsonObject
}

/** The id of the incident with this number, such as `INC-142`. */
export function incidentId(number: number | string): string {
  return `INC-${number}`
}

/** The id of the gate of an incident's round, such as `INC-142.r1`. */
export function gateId(incident: string, round: number): string {
  return `${incident}.r${round}`
}

/** Returns the incident of a gate's id. Throws `RUNBOOK_BAD_INPUT` if the text is not the id of a gate. */
export function incidentOfGate(gate: string): string {
  const incident = /^(INC-[1-9]\d*)\.r[1-9]\d*$/.exec(gate)?.[1]
  if (incident === undefined)
    throw new RunbookError('RUNBOOK_BAD_INPUT', `${JSON.stringify(gate)} is not the id of a gate`)
  return incident
}

/** Whether one cause explains the incident, according to the evidence of one round. */
export type Finding = {
  cause: string
  title: string
  holds: true | false | 'undetermined'
  /** The reason in one sentence. If the cause is undetermined, the sentence names the missing check. */
  because: string
  /** How many items the cause affects, if it has `affects`. */
  affected?: number
}

/**
 * Whether a cause after this one holds too, so that a rejection in favour of the next cause leads to it. The findings have the order of the
 * runbook. Causes before the treated one were passed over: they do not hold, or they were treated or rejected in an earlier round.
 */
export function hasNextCause(findings: readonly Finding[], cause: string): boolean {
  const treated = findings.findIndex((one) => one.cause === cause)
  return treated >= 0 && findings.slice(treated + 1).some(({ holds }) => holds === true)
}
