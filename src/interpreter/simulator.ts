import { digest } from '../core/canonical.ts'
import { closingSentence, remediesDone, type RemedyDone } from '../core/closing-sentence.ts'
import { defined } from '../core/defined.ts'
import type { GateResolution } from '../core/decision.ts'
import type { EffectResult } from '../core/effect.ts'
import type { Evidence } from '../core/evidence.ts'
import type { Finding, IncidentStart } from '../core/incident.ts'
import type { Json, JsonObject } from '../core/json.ts'
import { checkPlace, parseCheckPlace, roundOf } from '../core/place.ts'
import type { Plan } from '../core/plan.ts'
import type {
  ApplyAnswer,
  ApplyRequest,
  CheckRequest,
  ClosingRequest,
  Escalation,
  Host,
  InterpreterEvent,
  PollAnswer,
  PollRequest,
  ProposalDraft,
  Proposed,
} from './host.ts'
import { poll } from './poll.ts'
import { runIncident } from './run-incident.ts'
import type { Decision, ProposalTimes, SimulatedEffect, Situation, World } from './simulated-world.ts'

export interface Simulated {
  closing: ClosingRequest
  drafts: ProposalDraft[]
  effects: { round: number; action: string; target: string; result: EffectResult }[]
  escalations: Escalation[]
  handoffs: { incident: string; inputs: JsonObject }[]
  events: InterpreterEvent[]
  /** The place of each run of a check, in order. */
  sampledPlaces: string[]
  /** The findings of the last round. */
  findings: Finding[]
  tookMs: number
}

/** Runs an incident of a plan in a simulated world. Its clock moves only when the interpreter waits, so an hour takes no time. `faults` replace methods of the host. */
export async function simulate(
  plan: Plan,
  inputs: JsonObject,
  world: World,
  faults: Partial<Pick<Host, 'escalate'>> = {},
): Promise<Simulated> {
  const host = Object.assign(new SimulatedHost(world), faults)
  const start: IncidentStart = { incident: 'INC-1', planDigest: refOf(plan as unknown as JsonObject), inputs }
  const request = await runIncident(plan, start, host)
  const { drafts, effects, escalations, handoffs, events, sampledPlaces, now } = host
  const closing = { ...request, reason: closingSentence(request.outcome, request.reason, doneIn(host)) }
  const findings = closing.findings?.findings ?? drafts.at(-1)?.findings ?? []
  return { closing, drafts, effects, escalations, handoffs, events, sampledPlaces, findings, tookMs: now }
}

/** All checks have the same start time in the simulator. No expression can read it. */
const STARTED_AT = new Date(0).toISOString()

const refs = new WeakMap<object, string>()

/** The digest of a check's result. Scenarios return the same object for many samples, so each object is digested once. */
function refOf(result: JsonObject | { failed: string }): string {
  const known = refs.get(result)
  if (known !== undefined) return known
  const made = digest({ result })
  refs.set(result, made)
  return made
}

function doneIn({ drafts, effects, events }: SimulatedHost): RemedyDone[] {
  const remedyOf = (round: number) => drafts.find((draft) => draft.round === round)!.remedy
  return remediesDone(
    effects.map((effect) => ({ ...effect, remedy: remedyOf(effect.round) })),
    events.flatMap((event) => (event.kind === 'verified' ? [event.data] : [])),
  )
}

class SimulatedHost implements Host {
  readonly #world: World
  now = 0
  readonly drafts: ProposalDraft[] = []
  readonly effects: Simulated['effects'] = []
  readonly escalations: Escalation[] = []
  readonly handoffs: Simulated['handoffs'] = []
  readonly #proposals: ProposalTimes[] = []
  readonly #roundStarts: number[] = []
  readonly #applied: string[] = []
  readonly events: Simulated['events'] = []
  readonly sampledPlaces: string[] = []
  #gate:
    { draft: ProposalDraft; decision: Decision; openedAt: number; expiresAt: number; escalated: boolean } | undefined

  constructor(world: World) {
    this.#world = world
  }

  async runChecks(requests: CheckRequest[]): Promise<Evidence[]> {
    return requests.map((request) => this.#sample(request))
  }

  #sample({ place, name, kind, parameters, unavailable }: CheckRequest): Evidence {
    this.sampledPlaces.push(place)
    this.#roundStarts[roundOf(place)! - 1] ??= this.now
    const { now, round, applied, proposals, roundStarts } = this.#situation()
    const result =
      unavailable === undefined
        ? this.#world.check(name, { now, round, applied, proposals, roundStarts, place, parameters })
        : { failed: unavailable }
    const truncated = (result as JsonObject).truncated === true
    // The objects are written out without spreads, which are slow, because one scenario may take thousands of samples.
    return typeof result.failed === 'string'
      ? {
          place,
          name,
          kind,
          startedAt: STARTED_AT,
          durationMs: 0,
          status: 'failed',
          error: result.failed,
          ref: refOf(result),
          truncated,
        }
      : {
          place,
          name,
          kind,
          startedAt: STARTED_AT,
          durationMs: 0,
          status: 'ok',
          result: result as JsonObject,
          ref: refOf(result),
          truncated,
        }
  }

  #situation(): Situation {
    const round = (this.drafts.at(-1)?.round ?? 0) + (this.#gate ? 0 : 1)
    return {
      now: this.now,
      round,
      applied: this.#applied,
      proposals: this.#proposals,
      roundStarts: this.#roundStarts,
    }
  }

  async propose(draft: ProposalDraft): Promise<Proposed> {
    const decision = draft.approval.auto
      ? { approve: 'all' as const }
      : (this.#world.decide?.(draft, this.#situation()) ?? { approve: 'all' as const })
    this.drafts.push(draft)
    this.#proposals.push({ round: draft.round, remedy: draft.remedy, proposedAt: this.now, waitingAt: {} })
    const within = draft.approval.auto ? 0 : draft.approval.withinMs
    this.#gate = { draft, decision, openedAt: this.now, expiresAt: this.now + within, escalated: false }
    return { opened: true, gate: draft.gate, proposalDigest: digest(draft as unknown as Json) }
  }

  async resolveGate(): Promise<GateResolution> {
    const gate = this.#gate!
    const { decision, draft } = gate
    const due = 'silent' in decision ? Infinity : gate.openedAt + (decision.afterMs ?? 0)
    if (this.now >= due && due <= gate.expiresAt) {
      if ('approve' in decision)
        return {
          state: 'approved',
          targets: decision.approve === 'all' ? draft.targets.map((target) => target.key) : decision.approve,
        }
      if ('reject' in decision)
        return this.#endGate({ state: 'rejected', nextCause: decision.nextCause ?? false, by: 'operator' })
      if ('over' in decision) return this.#endGate({ state: decision.over, why: `the approval was ${decision.over}` })
      return this.#endGate({ state: 'cancelled', why: 'cancelled by operator' })
    }
    if (this.now >= gate.expiresAt) {
      if (!draft.approval.auto && draft.approval.onTimeout === 'escalate' && !gate.escalated) {
        gate.escalated = true
        gate.expiresAt += draft.approval.withinMs
      } else
        return this.#endGate({
          state: 'expired',
          why: gate.escalated ? 'twice unanswered' : 'nobody answered in time',
        })
    }
    const half = draft.approval.auto ? 0 : draft.approval.withinMs / 2
    return {
      state: 'open',
      expiresInMs: Math.min(gate.expiresAt, Math.max(due, this.now)) - this.now,
      escalated: gate.escalated,
      remindInMs: Math.max(0, gate.expiresAt - half - this.now),
    }
  }

  #endGate(resolution: GateResolution): GateResolution {
    this.#gate = undefined
    return resolution
  }

  async waitForSignal(ms: number): Promise<boolean> {
    this.now += ms
    return false
  }

  async apply(request: ApplyRequest): Promise<ApplyAnswer> {
    const { draft } = this.#gate!
    const action = draft.actions.find((one) => one.id === request.action && one.target === request.target)
    if (!action) throw new Error(`${request.action} on ${request.target} was not proposed`)
    const simulated = this.#world.effect?.(action, draft.round) ?? 'applied'
    if (simulated === 'waiting') return { waiting: action.kind }
    if (simulated === 'stale') {
      this.#proposals.at(-1)!.staleAt ??= this.now
      return { stale: 'the re-check is too old' }
    }
    if (simulated === 'withdrawn') return { over: 'the approval was withdrawn' }
    const { result, observed }: SimulatedEffect = typeof simulated === 'string' ? { result: simulated } : simulated
    this.effects.push({ round: draft.round, action: action.id, target: action.target, result })
    if (result === 'applied') {
      this.#applied.push(`${draft.remedy}/${action.target}`)
      this.#proposals.at(-1)!.appliedAt ??= this.now
    }
    const { id, target } = action
    return { effect: defined({ gate: draft.gate, action: id, target, result, detail: result, observed }) }
  }

  async poll(request: PollRequest): Promise<PollAnswer> {
    const startedAt = this.now
    this.#noteStage(request.place)
    const {
      last: _,
      parameters: _parameters,
      ...answer
    } = await poll(
      {
        runChecks: (requests) => this.runChecks(requests),
        elapsedMs: () => this.now - startedAt,
        sleep: async (ms, holding) => {
          this.now += holding ? ms : this.#untilChange(ms, startedAt + request.withinMs)
        },
        cancelled: async () => false,
      },
      request,
    )
    return answer
  }

  /** Remembers when the stage of a poll began, because results of scenarios may begin at that time. */
  #noteStage(place: string): void {
    const stage = parseCheckPlace(checkPlace(place, '-'))?.stage
    const proposal = this.#proposals.at(-1)!
    if (stage?.at === 'wait') proposal.waitingAt[stage.action] = this.now
    else proposal.verifyingAt = this.now
  }

  /**
   * The length of the pauses that can be skipped together because the world does not change before their end; at least
   * one pause.
   */
  #untilChange(ms: number, end: number): number {
    const next = Math.min(this.#world.nextChange?.(this.#situation()) ?? this.now, end)
    return Math.max(1, Math.ceil((next - this.now) / ms)) * ms
  }

  async record(event: InterpreterEvent): Promise<{ at: string }> {
    this.events.push(event)
    if (event.kind === 'verified') this.#gate = undefined
    return { at: new Date(this.now).toISOString() }
  }

  async escalate(escalation: Escalation): Promise<void> {
    this.escalations.push(escalation)
  }

  async handOff(incident: string, inputs: JsonObject): Promise<{ incident: string }> {
    this.handoffs.push({ incident, inputs })
    return { incident: 'INC-2' }
  }

  async close(): Promise<void> {}

  clock(): number {
    return this.now
  }

  isFatal(): boolean {
    return false
  }

  includes(): boolean {
    return true
  }

  setStatus(): void {}
}
