import type { EffectResult } from '../core/effect.ts'
import { messageOf } from '../core/errors.ts'
import type { Finding, IncidentStart } from '../core/incident.ts'
import { lookedAgain } from '../core/looked-again.ts'
import { formatPlace, formatStage } from '../core/place.ts'
import type { Plan, PlanRemedy } from '../core/plan.ts'
import type { GateResolution } from '../core/decision.ts'
import { awaitDecision } from './await-decision.ts'
import { diagnose } from './diagnose.ts'
import { carryOutRemedy, type RemedyResult } from './carry-out-remedy.ts'
import { IncidentEnding, withoutSymptom } from './ending.ts'
import { causeScope, chooseCause, evaluateCauses, evaluateCondition, type Choice, type EvaluatedCause } from './find.ts'
import { beginActivation, endActivation } from '../language/expressions/runtime-values.ts'
import type { ClosingRequest, Host, PollAnswer } from './host.ts'
import { IncidentCancelled } from './incident-cancelled.ts'
import { meteredHost } from './metered-host.ts'
import { draftProposal, droppedText, remedyOf, renderRemedy, type Rendered } from './render.ts'
import { closure, samePlan, scopeOf, type Scope } from './scope.ts'
import { Treated } from './treated.ts'
import { verifyRemedy } from './verify-remedy.ts'

/**
 * Runs one incident to its end, in rounds: diagnose → find → propose → decide → re-check → apply → verify. The host
 * does everything that has an effect outside the interpreter. An error becomes the outcome `failed` with its message as
 * the reason, and people are notified, unless the host says that the error is fatal.
 */
export async function runIncident(plan: Plan, start: IncidentStart, host: Host): Promise<ClosingRequest> {
  beginActivation()
  try {
    const run = new IncidentRun(plan, start, meteredHost(host))
    const closing = await run.runToEnd().catch((error: unknown) => {
      if (host.isFatal(error)) throw error
      if (error instanceof IncidentCancelled) return { outcome: 'cancelled' as const, reason: error.message }
      return run.fail(`the engine could not continue: ${messageOf(error)}`)
    })
    await host.close(closing)
    host.setStatus(`closed: ${closing.outcome}`)
    return closing
  } finally {
    endActivation()
  }
}

const NO_CAUSE = 'no known cause holds'

/** The result of a round: the incident's end, or another round. */
type RoundResult = ClosingRequest | 'again'

class IncidentRun {
  readonly #plan: Plan
  readonly #incident: string
  readonly #host: Host
  readonly #inputs: Scope
  readonly #ending: IncidentEnding
  readonly #treated: Treated
  /** The scope of the last diagnosis; the message of an escalation is rendered with it. */
  #lastDiagnosis: Scope
  #ineffectiveRounds = 0
  #roundNow = 1
  #hasVerifiedRemedy = false
  /** How often the checks ran again because no known cause held, in all rounds. */
  #looksTaken = 0

  constructor(plan: Plan, start: IncidentStart, host: Host) {
    this.#plan = samePlan(plan)
    this.#incident = start.incident
    this.#host = host
    this.#inputs = scopeOf(this.#plan, start.inputs)
    this.#lastDiagnosis = this.#inputs
    this.#ending = new IncidentEnding(host, this.#plan)
    this.#treated = new Treated(this.#plan)
  }

  async runToEnd(): Promise<ClosingRequest> {
    const { ineffective, total } = this.#plan.rounds
    for (let round = 1; round <= total; round += 1) {
      const end = await this.#round(round)
      if (end !== 'again') return end
      if (this.#ineffectiveRounds >= ineffective)
        return this.#escalate(round, `${ineffective} round${ineffective === 1 ? '' : 's'} did not help`)
    }
    return this.#escalate(total, `the symptom is still there after ${total} rounds`)
  }

  /** How the incident ends after an error. People are notified first. If that fails too, the incident still ends. */
  async fail(reason: string): Promise<ClosingRequest> {
    beginActivation()
    const place = formatPlace({ kind: 'escalation', round: this.#roundNow })
    await this.#ending.notify(place, reason, this.#lastDiagnosis).catch((error: unknown) => {
      if (this.#host.isFatal(error)) throw error
    })
    return { outcome: 'failed', reason }
  }

  #escalate(round: number, reason: string, findings?: Finding[]): Promise<ClosingRequest> {
    return this.#ending.escalate(round, reason, findings, this.#lastDiagnosis)
  }

  async #round(round: number): Promise<RoundResult> {
    this.#roundNow = round
    this.#host.setStatus(`round ${round}: diagnosing`)
    for (let look = 1; ; look += 1) {
      const stage = formatStage(look === 1 ? { at: 'diagnose', round } : { at: 'diagnose', round, look })
      const scope = await diagnose(this.#host, this.#plan.checks, this.#inputs, stage)
      this.#lastDiagnosis = scope
      const symptom = evaluateCondition(this.#plan.symptom, scope)
      if ('value' in symptom && symptom.value !== true) return this.#endWithoutSymptom(round, look)
      const evaluated = evaluateCauses(this.#plan, scope)
      const choice = chooseCause(evaluated, (one) => this.#treated.whyExcluded(one, scope))
      if (await this.#looksAgain(round, look, choice)) continue
      return this.#treat(round, look, evaluated, choice, scope)
    }
  }

  /**
   * Before an escalation because no known cause holds or one could not be ruled out: waits, so that the checks run again. Evidence of a
   * fault often appears later than the fault. A signal ends the pause. If the incident is cancelled, it ends at the time at which its
   * checks would run.
   */
  async #looksAgain(round: number, look: number, choice: Choice): Promise<boolean> {
    const { again } = this.#plan.rounds
    const why = this.#whyUnclear(choice)
    if (!again || why === undefined || this.#looksTaken >= again.times) return false
    this.#looksTaken += 1
    await this.#host.record({
      place: formatPlace({ kind: 'again', round, look: look + 1 }),
      kind: 'again',
      data: { round, look: look + 1, why, inMs: again.everyMs },
    })
    this.#host.setStatus(`round ${round}: ${why}; the checks run again after a pause`)
    await this.#host.waitForSignal(again.everyMs)
    return true
  }

  /** Why the incident would be escalated, if different evidence could change that; otherwise undefined. */
  #whyUnclear(choice: Choice): string | undefined {
    if ('escalate' in choice) return choice.mayChange ? choice.escalate : undefined
    return 'otherwise' in choice && this.#plan.otherwise.end === 'escalate' ? NO_CAUSE : undefined
  }

  async #treat(
    round: number,
    look: number,
    evaluated: EvaluatedCause[],
    choice: Choice,
    scope: Scope,
  ): Promise<RoundResult> {
    const findings = evaluated.map((one) => one.finding)
    const looked = look === 1 ? '' : `, also after the checks ran again ${lookedAgain(look)}`
    if ('escalate' in choice) return this.#escalate(round, `${choice.escalate}${looked}`, findings)
    if ('otherwise' in choice)
      return this.#ending.end(round, this.#plan.otherwise, `${NO_CAUSE}${looked}`, findings, scope)
    const { chosen } = choice
    const { then, title } = chosen.cause
    if (!('remedy' in then)) {
      const inCause = causeScope(chosen.cause, chosen.affects, scope)
      return this.#ending.end(round, then, `${title}: ${chosen.finding.because}`, findings, inCause)
    }
    return this.#proposeAndApply(round, chosen, findings, scope)
  }

  #endWithoutSymptom(round: number, look = 1): ClosingRequest {
    return withoutSymptom({
      plan: this.#plan,
      isFirstLook: round === 1 && look === 1,
      isVerified: this.#hasVerifiedRemedy,
    })
  }

  async #proposeAndApply(
    round: number,
    chosen: EvaluatedCause,
    findings: Finding[],
    scope: Scope,
  ): Promise<RoundResult> {
    const remedy = remedyOf(this.#plan, chosen)
    const all = renderRemedy(remedy, chosen, scope)
    if (all.targets.length === 0)
      return this.#escalate(round, `${chosen.cause.name} holds, but ${droppedText(all)}`, findings)
    const rendered: Rendered = {
      ...all,
      targets: all.targets.filter(({ target }) => !this.#treated.includes(remedy.name, target.key)),
    }
    const proposed = await this.#host.propose(
      draftProposal(this.#plan, this.#incident, round, chosen, rendered, findings),
    )
    if (!proposed.opened) return { outcome: 'cancelled', reason: `cancelled by ${proposed.cancelledBy}` }
    this.#host.setStatus(`round ${round}: waiting for a decision at gate ${proposed.gate}: ${remedy.title}`)
    const gateNow = await awaitDecision(this.#host, {
      gate: proposed.gate,
      gateNow: proposed.gateNow,
      round,
      remedy,
      escalateTo: this.#plan.escalate.to,
      notifyUnanswered: (place, reason) => this.#ending.notify(place, reason, scope),
    })
    if (gateNow.state !== 'approved') return this.#notApproved(gateNow, chosen)
    // The notification is sent while the remedy is applied, because a channel that does not answer must not delay an
    // urgent remedy.
    const announced = gateNow.brokenBy && this.#ending.announceBreakGlass(round, proposed.gate, gateNow.brokenBy)
    announced?.catch(() => {})
    this.#host.setStatus(`round ${round}: re-checking, then applying ${remedy.name}`)
    const result = await carryOutRemedy(this.#host, {
      plan: this.#plan,
      incident: this.#incident,
      round,
      evaluated: chosen,
      rendered,
      proposalDigest: proposed.proposalDigest,
      targets: gateNow.targets,
      scope: this.#inputs,
    }).finally(() => announced)
    return this.#afterRemedy(round, chosen, rendered, result)
  }

  #notApproved(gateNow: Exclude<GateResolution, { state: 'open' | 'approved' }>, chosen: EvaluatedCause): RoundResult {
    switch (gateNow.state) {
      case 'rejected':
        if (!gateNow.nextCause) return { outcome: 'declined', reason: `${gateNow.by} rejected the proposal` }
        this.#treated.rejectCause(chosen.cause.name)
        return 'again'
      case 'expired':
        return { outcome: 'expired', reason: gateNow.why }
      case 'cancelled':
        return { outcome: 'cancelled', reason: gateNow.why }
      default:
        return 'again'
    }
  }

  async #afterRemedy(
    round: number,
    chosen: EvaluatedCause,
    rendered: Rendered,
    result: RemedyResult,
  ): Promise<RoundResult> {
    const keysOf = (wanted: EffectResult) => [...result.results].filter(([, one]) => one === wanted).map(([key]) => key)
    const unknown = keysOf('unknown')
    const applied = keysOf('applied')
    if (result.stopReason !== undefined && !result.approvalEnded)
      await this.#host.record({
        place: formatPlace({ kind: 'stopped', round }),
        kind: 'stopped',
        data: { round, reason: result.stopReason },
      })
    const remedy = remedyOf(this.#plan, chosen)
    this.#treated.decline(remedy.name, result.declined)
    // An action that is done once concerns every approved target.
    const touched = applied.length === 0 && result.appliedOnce.length > 0 ? [...result.results.keys()] : applied
    if (unknown.length > 0) {
      const reason = `remedy outcome unknown for ${unknown.join(', ')}: check what was done, then run "runbook settle ${this.#incident}"`
      // People are notified before the verification, because the verification may take long.
      const closing = await this.#escalate(round, reason)
      if (touched.length > 0) await this.#verify(round, remedy, rendered, touched)
      return closing
    }
    // When the incident closes, a list of the applied effects is added to this reason.
    const cancelled: ClosingRequest = { outcome: 'cancelled', reason: 'the incident was cancelled' }
    if (applied.length === 0 && result.cancelled) return cancelled
    if (touched.length === 0) {
      if (result.approvalEnded || result.declined.size > 0) return 'again'
      if (result.stopReason !== undefined || keysOf('refused').length > 0) this.#ineffectiveRounds += 1
      return 'again'
    }
    const { held, cancelled: pollCancelled } = await this.#verify(round, remedy, rendered, touched)
    if (pollCancelled || result.cancelled) return cancelled
    if (!held) {
      this.#ineffectiveRounds += 1
      this.#treated.addIneffective(remedy.name, touched)
      return 'again'
    }
    this.#hasVerifiedRemedy = true
    const refused = keysOf('refused')
    // The symptom does not show whether the refused action is still necessary.
    if (chosen.cause.items && refused.length > 0)
      return this.#escalate(round, `${remedy.name} was refused for ${refused.join(', ')}`)
    return this.#checkSymptom(round)
  }

  #verify(round: number, remedy: PlanRemedy, rendered: Rendered, keys: string[]): Promise<PollAnswer> {
    this.#host.setStatus(`round ${round}: verifying ${remedy.name}`)
    return verifyRemedy(this.#host, { round, remedy, rendered, keys, inputs: this.#inputs })
  }

  /** After a verified remedy only the checks of the symptom run. If the symptom is still present, the next round begins. */
  async #checkSymptom(round: number): Promise<RoundResult> {
    if (!this.#plan.symptom) return this.#endWithoutSymptom(round)
    const checks = closure(this.#plan.checks, this.#plan.symptom.checks)
    const symptom = evaluateCondition(
      this.#plan.symptom,
      await diagnose(this.#host, checks, this.#inputs, formatStage({ at: 'after', round })),
    )
    return 'value' in symptom && symptom.value !== true ? this.#endWithoutSymptom(round) : 'again'
  }
}
