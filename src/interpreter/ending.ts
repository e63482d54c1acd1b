import type { Finding } from '../core/incident.ts'
import type { JsonObject } from '../core/json.ts'
import { formatPlace } from '../core/place.ts'
import type { Ending, Plan } from '../core/plan.ts'
import { renderParameters } from './diagnose.ts'
import { renderSentence } from './find.ts'
import type { ClosingRequest, Host } from './host.ts'
import type { Scope } from './scope.ts'

/** Ends an incident without a remedy, and sends the notifications that belong to this. */
export class IncidentEnding {
  readonly #host: Host
  readonly #plan: Plan

  constructor(host: Host, plan: Plan) {
    this.#host = host
    this.#plan = plan
  }

  /** Ends the incident as the plan says: escalated, without action, or handed to another runbook. */
  async end(round: number, ending: Ending, why: string, findings: Finding[], scope: Scope): Promise<ClosingRequest> {
    if (ending.end === 'escalate') return this.escalate(round, why, findings, scope)
    if (ending.end === 'no-action') return { outcome: 'no-action', reason: why, findings: { round, findings } }
    const inputs: JsonObject = renderParameters(ending.inputs, scope)
    const { incident } = await this.#host.handOff(ending.incident, inputs)
    return { outcome: 'handed-off', reason: `${why}: handed to ${incident}`, findings: { round, findings } }
  }

  /** Notifies people, then ends the incident as escalated. */
  async escalate(
    round: number,
    reason: string,
    findings: Finding[] | undefined,
    scope: Scope,
  ): Promise<ClosingRequest> {
    await this.notify(formatPlace({ kind: 'escalation', round }), reason, scope)
    return { outcome: 'escalated', reason, ...(findings ? { findings: { round, findings } } : {}) }
  }

  /** Notifies people that one person approved alone. */
  async announceBreakGlass(
    round: number,
    gate: string,
    { person, reason }: { person: string; reason: string },
  ): Promise<void> {
    await this.#host.escalate({
      place: formatPlace({ kind: 'broken-glass', round }),
      kind: 'announcement',
      to: this.#plan.escalate.to,
      message: `${person} approved ${gate} alone with break-glass`,
      reason: `because: ${reason}`,
    })
  }

  /** Sends the plan's escalation message with this reason. */
  async notify(place: string, reason: string, scope: Scope): Promise<void> {
    const { to, message } = this.#plan.escalate
    await this.#host.escalate({ place, to, message: renderSentence(message, scope), reason })
  }
}

/** The end of an incident whose symptom is not present or no longer present. */
export function withoutSymptom(at: { plan: Plan; isFirstLook: boolean; isVerified: boolean }): ClosingRequest {
  if (at.isVerified)
    return {
      outcome: 'resolved',
      reason: at.plan.symptom ? 'the symptom is gone' : 'the runbook has no check of the symptom',
    }
  return { outcome: 'cleared', reason: at.isFirstLook ? 'the symptom is not present' : 'the symptom is gone' }
}
