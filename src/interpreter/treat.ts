import type { Effect, EffectResult } from '../core/effect.ts'
import { gateId } from '../core/incident.ts'
import type { Json } from '../core/json.ts'
import { manualPollMs } from '../core/manual-poll.ts'
import { formatPlace, formatStage } from '../core/place.ts'
import type { Plan, PlanAction, PlanRemedy, Type } from '../core/plan.ts'
import { diagnose } from './diagnose.ts'
import { judgeCause, verdict, type Judged } from './find.ts'
import type { ApplyAnswer, Host } from './host.ts'
import {
  grounds,
  remedyOf,
  renderRemedy,
  unchanged,
  ALL_TARGETS,
  type Rendered,
  type RenderedTarget,
} from './render.ts'
import { listOf, withName, type Scope } from './scope.ts'

/** So often the grounds are looked at again within one round; then it is given up, and the next round looks afresh. */
const MAX_RECHECKS = 5
/** So many refused targets in a row stop the remedy. */
const MAX_REFUSED_IN_A_ROW = 3
/** To find out whether a person has said done. */
const ASK_MS = 10_000

/** What `expect` sees; its type was checked when the runbook was compiled. */
const RESULT: Record<string, Type> = { result: 'dyn' }

export interface Treatment {
  plan: Plan
  incident: string
  round: number
  judged: Judged
  rendered: Rendered
  proposalDigest: string
  /** Keys of the targets that were approved. */
  approved: string[]
  /** Inputs only: the checks run anew. */
  scope: Scope
}

/** What became of each approved target. */
export interface Treated {
  /** `applied`: at least one of its own actions was; where it has none, one that is done once for all. */
  results: Map<string, EffectResult>
  /** Writes that are done once for all, such as `0-sql.update`, which were applied. */
  once: string[]
  /** A sentence, where it was stopped before the end. */
  stopped?: string
  /** The approval was taken back or lapsed before anything was begun. */
  over: boolean
  /** A person cancelled the incident meanwhile. */
  cancelled: boolean
}

/**
 * From the approval to the effects: looks at the grounds again, drops the targets that no longer qualify, then applies each action
 * to all remaining targets before the next action begins.
 */
export async function treat(host: Host, treatment: Treatment): Promise<Treated> {
  const run = new TreatmentRun(host, treatment)
  return run.carryOut()
}

/** One remedy being applied. A class, because re-checks in the midst change who is left. */
class TreatmentRun {
  readonly #host: Host
  readonly #treatment: Treatment
  readonly #remedy: PlanRemedy
  readonly #treated: Treated = { results: new Map(), once: [], over: false, cancelled: false }
  /** Keys of targets to which an action of their own was applied. */
  readonly #touched = new Set<string>()
  /** Whether an action that is done once was applied, also one that only tells. */
  #doneOnce = false
  #left: RenderedTarget[]
  #recheckedAt = ''
  #rechecks = 0
  #refusedInARow = 0

  constructor(host: Host, treatment: Treatment) {
    this.#host = host
    this.#treatment = treatment
    this.#remedy = remedyOf(treatment.plan, treatment.judged)
    this.#left = treatment.rendered.targets.filter((one) => treatment.approved.includes(one.target.key))
  }

  async carryOut(): Promise<Treated> {
    await this.#recheck()
    for (const action of this.#remedy.actions) {
      if (this.#over()) break
      if (action.once) await this.#applyOnce(action)
      else await this.#applyToEach(action)
      if (action.wait && !this.#over()) await this.#wait(action)
    }
    this.#recordRemaining()
    return this.#treated
  }

  /** What became of the targets that are still there: waiting before the first action, or being cancelled then, does nothing to them. */
  #recordRemaining(): void {
    for (const one of this.#left) {
      const done = one.actions.length > 0 ? this.#touched.has(one.target.key) : this.#doneOnce
      this.#treated.results.set(one.target.key, done ? 'applied' : 'skipped')
    }
  }

  #over(): boolean {
    return this.#left.length === 0 || this.#treated.stopped !== undefined || this.#treated.cancelled
  }

  /** Runs the checks behind the cause again; a target stays only if it still qualifies and nothing of what was approved changed. */
  async #recheck(): Promise<void> {
    const { plan, round, judged, rendered } = this.#treatment
    this.#rechecks += 1
    if (this.#rechecks > MAX_RECHECKS)
      return this.#stop('the grounds went stale again and again before it could be applied')
    const at = { round, number: this.#rechecks }
    const scope = await diagnose(
      this.#host,
      grounds(plan, judged),
      this.#treatment.scope,
      formatStage({ at: 'recheck', ...at }),
    )
    const again = judgeCause(judged.cause, scope)
    const now = again.finding.holds === true ? renderAgain(this.#remedy, again, scope) : undefined
    const skipped: Record<string, string> = {}
    const stays = this.#left.filter((one) => {
      const why = disqualified(one, again, now)
      if (why !== undefined) skipped[one.target.key] = why
      return why === undefined
    })
    if (now && JSON.stringify(now.once) !== JSON.stringify(rendered.once)) {
      for (const one of stays) skipped[one.target.key] = 'what is done once would be another now'
      stays.length = 0
    }
    for (const key of Object.keys(skipped))
      this.#treated.results.set(key, this.#touched.has(key) ? 'applied' : 'skipped')
    this.#left = stays
    const found = await this.#host.record({
      place: formatPlace({ kind: 'recheck', ...at }),
      kind: 'recheck',
      data: {
        round,
        holds: again.finding.holds,
        because: again.finding.because,
        targets: stays.map((one) => one.target.key),
        skipped,
      },
    })
    this.#recheckedAt = found.at
  }

  async #applyToEach(action: PlanAction): Promise<void> {
    const { size, everyMs } = action.batches ?? { size: Infinity, everyMs: 0 }
    let done = 0
    for (const one of [...this.#left]) {
      if (this.#over()) return
      if (!this.#left.includes(one) || !one.actions.some((drafted) => drafted.id === action.id)) continue
      if (done > 0 && done % size === 0) await this.#pause(everyMs)
      if (this.#over()) return
      const result = await this.#applyTo(action, one.target.key, () => this.#left.includes(one))
      if (result === 'applied') this.#touched.add(one.target.key)
      done += 1
    }
  }

  /** Between two batches; it ends early when the incident is cancelled. */
  async #pause(ms: number): Promise<void> {
    const { incident, round } = this.#treatment
    const end = this.#host.clock() + ms
    for (let left = ms; left > 0; left = end - this.#host.clock()) {
      if (!(await this.#host.waitForSignal(left))) return
      const gateNow = await this.#host.resolveGate(gateId(incident, round))
      if (gateNow.state === 'approved' && !gateNow.cancelled) continue
      this.#treated.cancelled = true
      return
    }
  }

  async #applyOnce(action: PlanAction): Promise<void> {
    if (!this.#treatment.rendered.once.some((drafted) => drafted.id === action.id)) return
    const result = await this.#applyTo(action, ALL_TARGETS, () => this.#left.length > 0)
    if (result === 'applied') {
      this.#doneOnce = true
      if (action.access !== 'message') this.#treated.once.push(action.id)
    }
    if ((result === 'refused' || result === 'unknown') && !this.#over()) this.#stop(`${action.id} was ${result}`)
  }

  /** One action on one target, through as many re-checks as it takes. */
  async #applyTo(action: PlanAction, key: string, stays: () => boolean): Promise<EffectResult | undefined> {
    let end: number | undefined
    for (;;) {
      const answer = await this.#ask(action, key)
      if ('effect' in answer) return this.#take(await this.#asExpected(action, answer.effect))
      if ('stopped' in answer) {
        this.#treated.cancelled = true
        return undefined
      }
      if ('over' in answer) {
        this.#treated.over = true
        this.#stop(answer.over)
        return undefined
      }
      if ('waiting' in answer) {
        this.#host.tell(`waits for a person: ${answer.waiting}`)
        end ??= this.#host.clock() + action.timeoutMs
        const left = end - this.#host.clock()
        if (left <= 0) {
          this.#stop(`nobody said that ${action.id} was done`)
          return undefined
        }
        // Whoever rings may have said that it is done, or something else: it is asked again, and the time goes on.
        await this.#host.waitForSignal(Math.min(left, manualPollMs(action.timeoutMs)))
        continue
      }
      await this.#recheck()
      if (this.#over() || !stays()) return undefined
    }
  }

  #ask(action: PlanAction, target: string): Promise<ApplyAnswer> {
    const { incident, round, proposalDigest } = this.#treatment
    return this.#host.apply({
      gate: gateId(incident, round),
      proposalDigest,
      action: action.id,
      target,
      // How long a person may take is not how long the question may.
      timeoutMs: action.kind === 'manual' ? Math.min(action.timeoutMs, ASK_MS) : action.timeoutMs,
      recheckedAt: this.#recheckedAt,
    })
  }

  /** An effect whose observed result is not what the action expects counts as refused: nothing further is done to its target. */
  async #asExpected(action: PlanAction, effect: Effect): Promise<Effect> {
    if (!action.expect || effect.result !== 'applied') return effect
    const seen = verdict(action.expect, { values: { result: effect.observed ?? null }, types: RESULT, states: {} })
    if ('value' in seen && seen.value === true) return effect
    const detail = `its result is not as expected: ${action.expect.cel}`
    const { action: id, target } = effect
    const place = formatPlace({ kind: 'unexpected', round: this.#treatment.round, action: id, target })
    await this.#host.record({ place, kind: 'unexpected', data: { action: id, target, detail } })
    return { ...effect, result: 'refused', detail }
  }

  /** A target whose action was refused, or of which nothing is known, gets no further action. */
  #take(effect: Effect): EffectResult {
    this.#refusedInARow = effect.result === 'refused' ? this.#refusedInARow + 1 : 0
    const failed = effect.result === 'refused' || effect.result === 'unknown'
    if (failed && effect.target !== ALL_TARGETS) this.#drop(effect.target, effect.result)
    if (failed && effect.target === ALL_TARGETS)
      for (const { target } of [...this.#left]) this.#drop(target.key, effect.result)
    if (this.#refusedInARow >= MAX_REFUSED_IN_A_ROW)
      this.#stop(`${MAX_REFUSED_IN_A_ROW} targets in a row were refused, the last: ${effect.detail}`)
    return effect.result
  }

  #drop(key: string, result: EffectResult): void {
    this.#treated.results.set(key, result)
    this.#left = this.#left.filter((one) => one.target.key !== key)
  }

  #stop(why: string): void {
    this.#treated.stopped = why
    this.#recordRemaining()
    this.#left = []
  }

  async #wait(action: PlanAction): Promise<void> {
    const { round, scope } = this.#treatment
    const wait = action.wait!
    await this.#host.record({
      place: formatPlace({ kind: 'waiting', round, action: action.id }),
      kind: 'waiting',
      data: { round, action: action.id, until: wait.until.cel, withinMs: wait.withinMs },
    })
    const seen = withTargets(
      scope,
      this.#remedy,
      this.#left.map((one) => one.target.item),
    )
    const answer = await this.#host.poll({
      place: formatStage({ at: 'wait', round, action: action.id }),
      checks: wait.checks,
      scope: seen.values,
      types: seen.types,
      until: wait.until,
      holdsMs: 0,
      everyMs: wait.everyMs,
      withinMs: wait.withinMs,
    })
    if (answer.cancelled) this.#treated.cancelled = true
    else if (!answer.held) this.#stop(`waited after ${action.id} in vain: ${answer.detail}`)
  }
}

/** The scope of `verify` and `wait`: the things to which it was applied, as `targets`. */
export function withTargets(scope: Scope, remedy: PlanRemedy, items: Json[]): Scope {
  return withName(scope, 'targets', items, listOf(remedy.targetItem))
}

function renderAgain(remedy: PlanRemedy, judged: Judged, scope: Scope): Rendered | undefined {
  try {
    return renderRemedy(remedy, judged, scope)
  } catch {
    return undefined
  }
}

function disqualified(one: RenderedTarget, again: Judged, now: Rendered | undefined): string | undefined {
  if (again.finding.holds === 'undetermined')
    return `it could not be seen whether the cause still holds: ${again.finding.because}`
  if (again.finding.holds === false) return `the cause no longer holds: ${again.finding.because}`
  const same = now?.targets.find((other) => other.target.key === one.target.key)
  if (!same) return 'is no longer affected'
  return unchanged(one, same) ? undefined : 'what would be done to it has changed since it was approved'
}
