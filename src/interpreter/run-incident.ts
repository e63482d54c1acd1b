import { messageOf } from '../core/errors.ts'
import { gateId, type Finding, type IncidentStart } from '../core/incident.ts'
import type { JsonObject } from '../core/json.ts'
import { formatPlace, formatStage } from '../core/place.ts'
import type { Ending, Plan, PlanRemedy } from '../core/plan.ts'
import type { GateResolution } from '../core/decision.ts'
import { diagnose, renderParameters } from './diagnose.ts'
import { causeScope, choose, judgeCauses, sentence, verdict, type Judged } from './find.ts'
import type { ClosingRequest, Host } from './host.ts'
import { draftProposal, remedyOf, renderRemedy, type Rendered } from './render.ts'
import { closure, samePlan, scopeOf, type Scope } from './scope.ts'
import { treat, withTargets, type Treated } from './treat.ts'

/**
 * Carries one incident from its first look to its end: diagnose → find → propose → decide → check again → apply → verify, in rounds.
 * Pure but for the host. Never throws: what cannot go on ends in outcome `failed`, with the reason.
 */
export async function runIncident(plan: Plan, start: IncidentStart, host: Host): Promise<ClosingRequest> {
  const closing = await new IncidentRun(plan, start, host).toTheEnd().catch((error: unknown): ClosingRequest => {
    if (host.isFatal(error)) throw error
    return { outcome: 'failed', reason: `the engine could not go on: ${messageOf(error)}` }
  })
  await host.close(closing)
  host.tell(`closed: ${closing.outcome}`)
  return closing
}

/** What a round comes to: the end, or another round. */
type RoundEnd = ClosingRequest | 'again'

class IncidentRun {
  readonly #plan: Plan
  readonly #incident: string
  readonly #host: Host
  readonly #inputs: Scope
  /** What was seen last: what an escalation speaks of. */
  #seen: Scope
  /** `remedy/target` of what was applied and did not help: never done again. */
  readonly #ineffective = new Set<string>()
  /** Causes that a person told us to pass over. */
  readonly #passedOver = new Set<string>()
  #ineffectiveRounds = 0
  #verifiedOnce = false

  constructor(plan: Plan, start: IncidentStart, host: Host) {
    this.#plan = samePlan(plan)
    this.#incident = start.incident
    this.#host = host
    this.#inputs = scopeOf(this.#plan, start.inputs)
    this.#seen = this.#inputs
  }

  async toTheEnd(): Promise<ClosingRequest> {
    const { ineffective, total } = this.#plan.rounds
    for (let round = 1; round <= total; round += 1) {
      const end = await this.#round(round)
      if (end !== 'again') return end
      if (this.#ineffectiveRounds >= ineffective)
        return this.#escalate(
          round,
          `${ineffective} round${ineffective === 1 ? '' : 's'} did not help`,
          undefined,
          this.#seen,
        )
    }
    return this.#escalate(total, `the symptom is still there after ${total} rounds`, undefined, this.#seen)
  }

  async #round(round: number): Promise<RoundEnd> {
    this.#host.tell(`round ${round}: diagnosing`)
    const scope = await diagnose(this.#host, this.#plan.checks, this.#inputs, formatStage({ at: 'diagnose', round }))
    this.#seen = scope
    const symptom = verdict(this.#plan.symptom, scope)
    if ('value' in symptom && symptom.value !== true) return this.#gone(round)
    const judged = judgeCauses(this.#plan, scope)
    const findings = judged.map((one) => one.finding)
    const choice = choose(judged, (one) => this.#excluded(one, scope))
    if ('escalate' in choice) return this.#escalate(round, choice.escalate, findings, scope)
    if ('otherwise' in choice) return this.#end(round, this.#plan.otherwise, 'no known cause holds', findings, scope)
    const { treat: chosen } = choice
    if (!('remedy' in chosen.cause.then)) {
      const words = `${chosen.cause.title}: ${chosen.finding.because}`
      return this.#end(round, chosen.cause.then, words, findings, causeScope(chosen.cause, chosen.affects, scope))
    }
    return this.#proposeAndTreat(round, chosen, findings, scope)
  }

  #gone(round: number): ClosingRequest {
    if (this.#verifiedOnce)
      return { outcome: 'resolved', reason: 'a remedy was applied and verified, and the symptom is gone' }
    const when = round === 1 ? 'the symptom was not there when it was looked at' : 'the symptom went away'
    return { outcome: 'cleared', reason: when }
  }

  /** Why a cause that holds is not treated again; undefined when it may be. */
  #excluded(one: Judged, scope: Scope): string | undefined {
    const { name: cause, then } = one.cause
    if (this.#passedOver.has(cause)) return `${cause} still holds, and a person chose to look at the next cause`
    if (!('remedy' in then)) return undefined
    const rendered = renderRemedy(remedyOf(this.#plan, one), one, scope)
    const all = rendered.targets.every(({ target }) => this.#ineffective.has(`${then.remedy}/${target.key}`))
    return all ? `${cause} still holds, and ${then.remedy} was applied before and did not help` : undefined
  }

  async #proposeAndTreat(round: number, chosen: Judged, findings: Finding[], scope: Scope): Promise<RoundEnd> {
    const remedy = remedyOf(this.#plan, chosen)
    const all = renderRemedy(remedy, chosen, scope)
    const rendered: Rendered = {
      once: all.once,
      targets: all.targets.filter(({ target }) => !this.#ineffective.has(`${remedy.name}/${target.key}`)),
    }
    const proposed = await this.#host.propose(
      draftProposal(this.#plan, this.#incident, round, chosen, rendered, findings),
    )
    if (!proposed.opened) return { outcome: 'cancelled', reason: `cancelled by ${proposed.cancelledBy}` }
    this.#host.tell(`round ${round}: ${remedy.title}? waits at gate ${proposed.gate}`)
    const gateNow = await this.#awaitDecision(round, remedy, scope)
    if (gateNow.state !== 'approved') return this.#notApproved(gateNow, chosen)
    // Told at the same time: a channel that does not answer must not hold back what cannot wait.
    const told = gateNow.brokenBy && this.#tellBrokenGlass(round, proposed.gate, gateNow.brokenBy)
    told?.catch(() => {}) // Awaited below.
    this.#host.tell(`round ${round}: checking again, then applying ${remedy.name}`)
    const treated = await treat(this.#host, {
      plan: this.#plan,
      incident: this.#incident,
      round,
      judged: chosen,
      rendered,
      proposalDigest: proposed.proposalDigest,
      approved: gateNow.targets,
      scope: this.#inputs,
    }).finally(() => told)
    return this.#afterTreatment(round, chosen, rendered, treated, scope)
  }

  async #awaitDecision(
    round: number,
    remedy: PlanRemedy,
    scope: Scope,
  ): Promise<Exclude<GateResolution, { state: 'open' }>> {
    const gate = gateId(this.#incident, round)
    let told = false
    const reminded = new Set<boolean>()
    for (;;) {
      const gateNow = await this.#host.resolveGate(gate)
      if (gateNow.state !== 'open') return gateNow
      if (gateNow.escalated && !told) {
        told = true
        await this.#tellPeople(
          formatPlace({ kind: 'gate-unanswered', round }),
          `nobody answered gate ${gate} in time`,
          scope,
        )
      }
      const { expiresInMs, escalated, remindInMs } = gateNow
      if (remindInMs === 0 && !reminded.has(escalated)) {
        reminded.add(escalated)
        await this.#remind(round, remedy, escalated)
      }
      await this.#host.waitForSignal(Math.min(expiresInMs, remindInMs || expiresInMs))
    }
  }

  /** Half of the time to answer is over: those who may are reminded, once in each `within`. */
  #remind(round: number, { title, approval }: PlanRemedy, escalated: boolean): Promise<void> {
    const by = approval.auto ? [] : approval.by
    const wider = [...new Set([...by, ...this.#plan.escalate.to])]
    return this.#host.escalate({
      place: formatPlace({ kind: 'reminder', round, escalated }),
      kind: 'reminder',
      to: escalated || by.length === 0 ? wider : by,
      message: `gate ${gateId(this.#incident, round)} still waits for a decision: ${title}`,
      reason: 'half of the time to answer is over',
    })
  }

  #notApproved(gateNow: Exclude<GateResolution, { state: 'open' | 'approved' }>, chosen: Judged): RoundEnd {
    switch (gateNow.state) {
      case 'rejected':
        if (!gateNow.nextCause) return { outcome: 'declined', reason: `${gateNow.by} rejected the proposal` }
        this.#passedOver.add(chosen.cause.name)
        return 'again'
      case 'expired':
        return { outcome: 'expired', reason: gateNow.why }
      case 'cancelled':
        return { outcome: 'cancelled', reason: gateNow.why }
      default:
        return 'again'
    }
  }

  async #afterTreatment(
    round: number,
    chosen: Judged,
    rendered: Rendered,
    treated: Treated,
    scope: Scope,
  ): Promise<RoundEnd> {
    const keysOf = (result: string) => [...treated.results].filter(([, one]) => one === result).map(([key]) => key)
    const unknown = keysOf('unknown')
    const applied = keysOf('applied')
    if (unknown.length > 0)
      return this.#escalate(
        round,
        `what the remedy did to ${unknown.join(', ')} could not be observed: a person must settle it`,
        undefined,
        scope,
      )
    if (treated.stopped !== undefined && !treated.over)
      await this.#host.record({
        place: formatPlace({ kind: 'stopped', round }),
        kind: 'stopped',
        data: { round, reason: treated.stopped },
      })
    if (applied.length === 0) {
      if (treated.cancelled) {
        const what = treated.once.length > 0 ? `after ${treated.once.join(' and ')}` : 'before anything'
        return { outcome: 'cancelled', reason: `cancelled ${what} was applied` }
      }
      if (treated.over) return 'again'
      if (treated.stopped !== undefined || keysOf('refused').length > 0) this.#ineffectiveRounds += 1
      return 'again'
    }
    const remedy = remedyOf(this.#plan, chosen)
    if (treated.stopped !== undefined) return this.#ineffectiveRound(remedy.name, applied)
    this.#host.tell(`round ${round}: verifying ${remedy.name}`)
    const items = rendered.targets.filter(({ target }) => applied.includes(target.key)).map(({ target }) => target.item)
    const seen = withTargets(this.#inputs, remedy, items)
    const { checks, until, holdsMs, everyMs, withinMs } = remedy.verify
    const answer = await this.#host.poll({
      place: formatStage({ at: 'verify', round }),
      checks,
      scope: seen.values,
      types: seen.types,
      until,
      holdsMs,
      everyMs,
      withinMs,
    })
    const { held, detail, tookMs } = answer
    const cancelled = `cancelled after ${remedy.name} was applied to ${applied.join(', ')}`
    // Whether it would have helped nobody knows: that is no verdict.
    if (answer.cancelled && !held) return { outcome: 'cancelled', reason: `${cancelled}; it was not verified` }
    const verified = { round, remedy: remedy.name, held, detail, tookMs, targets: applied }
    await this.#host.record({
      place: formatPlace({ kind: 'verified', round }),
      kind: 'verified',
      data: remedy.verify.checks.length === 0 ? { ...verified, unseen: true } : verified,
    })
    if (answer.cancelled || treated.cancelled) return { outcome: 'cancelled', reason: cancelled }
    if (!held) return this.#ineffectiveRound(remedy.name, applied)
    this.#verifiedOnce = true
    return this.#symptomGone(round)
  }

  #ineffectiveRound(remedy: string, targets: string[]): 'again' {
    this.#ineffectiveRounds += 1
    for (const key of targets) this.#ineffective.add(`${remedy}/${key}`)
    return 'again'
  }

  /** After a verified remedy only the symptom is looked at; whatever is left of it is the next round's. */
  async #symptomGone(round: number): Promise<RoundEnd> {
    if (!this.#plan.symptom) return this.#gone(round)
    const checks = closure(this.#plan.checks, this.#plan.symptom.checks)
    const symptom = verdict(
      this.#plan.symptom,
      await diagnose(this.#host, checks, this.#inputs, formatStage({ at: 'after', round })),
    )
    return 'value' in symptom && symptom.value !== true ? this.#gone(round) : 'again'
  }

  async #end(round: number, ending: Ending, why: string, findings: Finding[], scope: Scope): Promise<ClosingRequest> {
    if (ending.end === 'escalate') return this.#escalate(round, why, findings, scope)
    if (ending.end === 'no-action') return { outcome: 'no-action', reason: why, findings: { round, findings } }
    const inputs: JsonObject = renderParameters(ending.inputs, scope)
    const { incident } = await this.#host.handOff(ending.incident, inputs)
    return { outcome: 'handed-off', reason: `${why}: handed to ${incident}`, findings: { round, findings } }
  }

  async #escalate(
    round: number,
    reason: string,
    findings: Finding[] | undefined,
    scope: Scope,
  ): Promise<ClosingRequest> {
    await this.#tellPeople(formatPlace({ kind: 'escalation', round }), reason, scope)
    return { outcome: 'escalated', reason, ...(findings ? { findings: { round, findings } } : {}) }
  }

  async #tellBrokenGlass(round: number, gate: string, broken: { person: string; reason: string }): Promise<void> {
    await this.#host.escalate({
      place: formatPlace({ kind: 'broken-glass', round }),
      kind: 'announcement',
      to: this.#plan.escalate.to,
      message: `${broken.person} broke the glass and approved ${gate} alone`,
      reason: `because: ${broken.reason}`,
    })
  }

  async #tellPeople(place: string, reason: string, scope: Scope): Promise<void> {
    const { to, message } = this.#plan.escalate
    await this.#host.escalate({ place, to, message: sentence(message, scope), reason })
  }
}
