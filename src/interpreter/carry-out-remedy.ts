import type { Effect, EffectResult } from '../core/effect.ts'
import { gateId } from '../core/incident.ts'
import { manualPollMs } from '../core/manual-poll.ts'
import { formatPlace, formatStage } from '../core/place.ts'
import { ALL_TARGETS } from '../core/proposal.ts'
import type { Plan, PlanAction, PlanRemedy } from '../core/plan.ts'
import { applyTimeoutMs, refuseUnexpected } from './action-result.ts'
import { diagnoseLongFirst } from './diagnose.ts'
import type { EvaluatedCause } from './find.ts'
import type { ApplyAnswer, Host } from './host.ts'
import { IncidentCancelled } from './incident-cancelled.ts'
import { preconditionChecks, remedyOf, type Rendered, type RenderedTarget } from './render.ts'
import { withTargets } from './remedy-scope.ts'
import { requalify } from './requalify.ts'
import type { Scope } from './scope.ts'

/** The remedy stops after more than this many re-checks without an effect between them. */
const MAX_FRUITLESS_RECHECKS = 5
/** This many refused targets in a row stop the remedy. */
const MAX_REFUSED_IN_A_ROW = 3

export interface ApprovedRemedy {
  plan: Plan
  incident: string
  round: number
  evaluated: EvaluatedCause
  rendered: Rendered
  proposalDigest: string
  /** Keys of the approved targets. */
  targets: string[]
  /** The scope before any check, with the inputs only, because the checks run again. */
  scope: Scope
}

export interface RemedyResult {
  /**
   * The result for each approved target. `applied` means that at least one of the target's own actions was applied. For a target without
   * actions of its own, it means that an action which is done once for all targets was applied.
   */
  results: Map<string, EffectResult>
  /** Ids of the applied writes that are done once for all targets, such as `0-sql.update`. */
  appliedOnce: string[]
  /** Keys of the targets for which a person reported a manual step as not done. */
  declined: Set<string>
  /** Why the remedy was stopped before its last action. */
  stopReason?: string
  /** The approval was withdrawn or lapsed. */
  approvalEnded: boolean
  /** A person cancelled the incident. */
  cancelled: boolean
}

/**
 * From the approval to the effects: runs the checks of the cause again, skips the targets that no longer qualify, then applies each
 * action to all remaining targets before the next action begins.
 */
export async function carryOutRemedy(host: Host, approved: ApprovedRemedy): Promise<RemedyResult> {
  return new RemedyRun(host, approved).run()
}

/** Turns the error of a cancelled incident into undefined, because the effects that were applied before must still be verified. */
function whenCancelled(error: unknown): undefined {
  if (!(error instanceof IncidentCancelled)) throw error
}

/** One remedy that is being applied. It is a class because each re-check may remove targets from it. */
class RemedyRun {
  readonly #host: Host
  readonly #approved: ApprovedRemedy
  readonly #remedy: PlanRemedy
  readonly #result: RemedyResult = {
    results: new Map(),
    appliedOnce: [],
    declined: new Set(),
    approvalEnded: false,
    cancelled: false,
  }
  /** Keys of the targets to which an action of their own was applied. */
  readonly #appliedKeys = new Set<string>()
  /** Whether an action that is done once for all targets was applied. Messages count too. */
  #onceApplied = false
  #remaining: RenderedTarget[]
  #recheckedAt = ''
  #rechecks = 0
  /** The number of re-checks since the last effect. */
  #fruitlessRechecks = 0
  #refusedInARow = 0

  constructor(host: Host, approved: ApprovedRemedy) {
    this.#host = host
    this.#approved = approved
    this.#remedy = remedyOf(approved.plan, approved.evaluated)
    this.#remaining = approved.rendered.targets.filter((one) => approved.targets.includes(one.target.key))
  }

  async run(): Promise<RemedyResult> {
    await this.#recheck()
    for (const action of this.#remedy.actions) {
      if (this.#isOver()) break
      if (action.once) await this.#applyOnce(action)
      else await this.#applyToEach(action)
      if (action.wait && !this.#isOver()) await this.#wait(action)
    }
    this.#recordRemaining()
    return this.#result
  }

  /** Records the result for the remaining targets. Targets to which nothing has been applied are skipped. */
  #recordRemaining(): void {
    for (const one of this.#remaining) {
      const done = one.actions.length > 0 ? this.#appliedKeys.has(one.target.key) : this.#onceApplied
      this.#result.results.set(one.target.key, done ? 'applied' : 'skipped')
    }
  }

  #isOver(): boolean {
    return this.#remaining.length === 0 || this.#result.stopReason !== undefined || this.#result.cancelled
  }

  /** Runs the checks of the cause again. Keeps the targets that still qualify and whose rendered actions are unchanged. */
  async #recheck(): Promise<void> {
    const { plan, round, evaluated, rendered } = this.#approved
    this.#rechecks += 1
    this.#fruitlessRechecks += 1
    if (this.#fruitlessRechecks > MAX_FRUITLESS_RECHECKS)
      return this.#stop(
        `the re-check was too old ${MAX_FRUITLESS_RECHECKS} times before the next action could be applied`,
      )
    const at = { round, number: this.#rechecks }
    const checks = preconditionChecks(plan, evaluated.cause, this.#remedy)
    const stage = formatStage({ at: 'recheck', ...at })
    const scope = await diagnoseLongFirst(this.#host, checks, this.#approved.scope, stage).catch(whenCancelled)
    if (!scope) {
      this.#result.cancelled = true
      return
    }
    const { again, kept, skipped } = requalify(this.#remedy, evaluated.cause, rendered.once, this.#remaining, scope)
    for (const key of Object.keys(skipped))
      this.#result.results.set(key, this.#appliedKeys.has(key) ? 'applied' : 'skipped')
    this.#remaining = kept
    const recorded = await this.#host.record({
      place: formatPlace({ kind: 'recheck', ...at }),
      kind: 'recheck',
      data: {
        round,
        holds: again.finding.holds,
        because: again.finding.because,
        targets: kept.map((one) => one.target.key),
        skipped,
      },
    })
    this.#recheckedAt = recorded.at
  }

  async #applyToEach(action: PlanAction): Promise<void> {
    const { size, everyMs } = action.batches ?? { size: Infinity, everyMs: 0 }
    let done = 0
    for (const one of [...this.#remaining]) {
      if (this.#isOver()) return
      if (!this.#remaining.includes(one) || !one.actions.some((drafted) => drafted.id === action.id)) continue
      if (done > 0 && done % size === 0) await this.#pause(everyMs)
      if (this.#isOver()) return
      const result = await this.#applyTo(action, one.target.key, () => this.#remaining.includes(one))
      if (result === 'applied') this.#appliedKeys.add(one.target.key)
      done += 1
    }
  }

  /** Waits between two batches. If the incident is cancelled, the wait ends early. */
  async #pause(ms: number): Promise<void> {
    const { incident, round } = this.#approved
    const end = this.#host.clock() + ms
    for (let left = ms; left > 0; left = end - this.#host.clock()) {
      if (!(await this.#host.waitForSignal(left))) return
      const gateNow = await this.#host.resolveGate(gateId(incident, round))
      if (gateNow.state === 'approved' && !gateNow.cancelled) continue
      this.#result.cancelled = true
      return
    }
  }

  async #applyOnce(action: PlanAction): Promise<void> {
    if (!this.#approved.rendered.once.some((drafted) => drafted.id === action.id)) return
    const result = await this.#applyTo(action, ALL_TARGETS, () => this.#remaining.length > 0)
    if (result === 'applied') {
      this.#onceApplied = true
      if (action.access !== 'message') this.#result.appliedOnce.push(action.id)
    }
    if ((result === 'refused' || result === 'unknown') && !this.#isOver()) this.#stop(`${action.id} was ${result}`)
  }

  /** Applies one action to one target. Each time the executor answers that the last re-check is too old, the checks run again first. */
  async #applyTo(action: PlanAction, key: string, stillQualifies: () => boolean): Promise<EffectResult | undefined> {
    let deadline: number | undefined
    for (;;) {
      const answer = await this.#requestApply(action, key)
      if ('effect' in answer) {
        const effect = await refuseUnexpected(this.#host, this.#approved.round, action, answer.effect)
        return this.#handleEffect(action, effect)
      }
      if ('stopped' in answer) {
        this.#result.cancelled = true
        return undefined
      }
      if ('over' in answer) {
        this.#result.approvalEnded = true
        this.#stop(answer.over)
        return undefined
      }
      if ('waiting' in answer) {
        this.#host.setStatus(`waiting for a person: ${answer.waiting}`)
        deadline ??= this.#host.clock() + action.timeoutMs
        const left = deadline - this.#host.clock()
        if (left <= 0) {
          this.#stop(`nobody reported ${action.id} as done in time`)
          return undefined
        }
        // The signal may have another reason, so the executor is asked again. The deadline does not change.
        await this.#host.waitForSignal(Math.min(left, manualPollMs(action.timeoutMs)))
        continue
      }
      await this.#recheck()
      if (this.#isOver() || !stillQualifies()) return undefined
    }
  }

  #requestApply(action: PlanAction, target: string): Promise<ApplyAnswer> {
    const { incident, round, proposalDigest } = this.#approved
    return this.#host.apply({
      gate: gateId(incident, round),
      proposalDigest,
      action: action.id,
      target,
      timeoutMs: applyTimeoutMs(action),
      recheckedAt: this.#recheckedAt,
    })
  }

  /** A target whose action was refused or not done by a person, or whose effect is unknown, gets no further action. */
  #handleEffect(action: PlanAction, effect: Effect): EffectResult {
    this.#fruitlessRechecks = 0
    if (action.access === 'person' && effect.result === 'skipped' && this.#host.includes('declined-steps'))
      this.#decline(action, effect.target)
    this.#refusedInARow = effect.result === 'refused' ? this.#refusedInARow + 1 : 0
    const failed = effect.result === 'refused' || effect.result === 'unknown'
    if (failed && effect.target !== ALL_TARGETS) this.#drop(effect.target, effect.result)
    if (failed && effect.target === ALL_TARGETS)
      for (const { target } of [...this.#remaining]) this.#drop(target.key, effect.result)
    if (this.#refusedInARow >= MAX_REFUSED_IN_A_ROW)
      this.#stop(`${MAX_REFUSED_IN_A_ROW} targets in a row were refused. The last one: ${effect.detail}`)
    return effect.result
  }

  /** A person reported a manual step as not done. If the step concerns all targets, the remedy ends. */
  #decline(action: PlanAction, target: string): void {
    const concerned = this.#remaining.map((one) => one.target.key).filter((key) => action.once || key === target)
    for (const key of concerned) this.#result.declined.add(key)
    if (action.once) return this.#stop(`a person reported ${action.id} as not done`)
    this.#drop(target, this.#appliedKeys.has(target) ? 'applied' : 'skipped')
  }

  #drop(key: string, result: EffectResult): void {
    this.#result.results.set(key, result)
    this.#remaining = this.#remaining.filter((one) => one.target.key !== key)
  }

  #stop(reason: string): void {
    this.#result.stopReason = reason
    this.#recordRemaining()
    this.#remaining = []
  }

  async #wait(action: PlanAction): Promise<void> {
    const { round, scope } = this.#approved
    const wait = action.wait!
    await this.#host.record({
      place: formatPlace({ kind: 'waiting', round, action: action.id }),
      kind: 'waiting',
      data: { round, action: action.id, until: wait.until.cel, withinMs: wait.withinMs },
    })
    const items = this.#remaining.map((one) => one.target.item)
    const { values, types } = withTargets(scope, this.#remedy, items)
    const answer = await this.#host.poll({
      place: formatStage({ at: 'wait', round, action: action.id }),
      checks: wait.checks,
      scope: values,
      types,
      until: wait.until,
      holdsMs: 0,
      everyMs: wait.everyMs,
      withinMs: wait.withinMs,
    })
    if (answer.cancelled) this.#result.cancelled = true
    else if (!answer.held) this.#stop(`timed out waiting after ${action.id}: ${answer.detail}`)
  }
}
