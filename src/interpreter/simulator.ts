import { digest } from '../core/canonical.ts'
import type { GateResolution } from '../core/decision.ts'
import type { EffectResult } from '../core/effect.ts'
import type { Evidence } from '../core/evidence.ts'
import type { Finding, IncidentStart } from '../core/incident.ts'
import type { Json, JsonObject } from '../core/json.ts'
import { roundOf } from '../core/place.ts'
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

/** What the simulated world is asked; `now` is milliseconds since the incident was opened. */
export interface World {
  /** A check's result, or why it failed. `applied` lists the effects so far, as `remedy/target`. */
  check(name: string, look: Look): JsonObject | { failed: string }
  /** When something changes next by itself (`now` of a look); Infinity: never. Looks that cannot differ are then left out. */
  nextChange?(look: Omit<Look, 'place' | 'parameters'>): number
  /** What becomes of a gate; asked when it opens. Default: everything is approved at once. */
  decide?(draft: ProposalDraft, look: Omit<Look, 'place' | 'parameters'>): Decision
  /** What an action does; `waiting`: a person has not done it yet. Default: applied, and what the action returns is not known. */
  effect?(action: ProposalDraft['actions'][number], round: number): EffectResult | 'waiting' | SimulatedEffect
}

export interface SimulatedEffect {
  result: EffectResult
  observed?: JsonObject
}

export interface Look {
  now: number
  round: number
  place: string
  parameters: JsonObject
  applied: readonly string[]
  moments: readonly Moment[]
  /** When each round began to look; the first one's is 0. */
  began: readonly number[]
}

/** One proposal so far; milliseconds since the incident was opened. */
export interface Moment {
  round: number
  remedy: string
  proposedAt: number
  /** The first effect that was applied. */
  appliedAt?: number
}

export type Decision =
  | { approve: 'all' | string[]; afterMs?: number }
  | { reject: true; nextCause?: boolean; afterMs?: number }
  /** Nobody answers. */
  | { silent: true }
  | { cancel: true; afterMs?: number }

export interface Simulated {
  closing: ClosingRequest
  drafts: ProposalDraft[]
  effects: { round: number; action: string; target: string; result: EffectResult }[]
  escalations: Escalation[]
  handoffs: { incident: string; inputs: JsonObject }[]
  events: InterpreterEvent[]
  /** Each place that was looked at, in order. */
  looks: string[]
  /** What the last round found. */
  findings: Finding[]
  tookMs: number
}

/** Runs a plan's incident against a world, on a clock that only moves when somebody waits: an hour takes no time. */
export async function simulate(plan: Plan, inputs: JsonObject, world: World): Promise<Simulated> {
  const host = new SimulatedHost(world)
  const start: IncidentStart = { incident: 'INC-1', planDigest: refOf(plan as unknown as JsonObject), inputs }
  const closing = await runIncident(plan, start, host)
  const { drafts, effects, escalations, handoffs, events, looks, now } = host
  const findings = closing.findings?.findings ?? drafts.at(-1)?.findings ?? []
  return { closing, drafts, effects, escalations, handoffs, events, looks, findings, tookMs: now }
}

/** Nothing that a plan can say depends on when a check ran. */
const START = new Date(0).toISOString()

const refs = new WeakMap<object, string>()

/** The same object comes at many looks and in many runs, and is digested once. */
function refOf(result: JsonObject | { failed: string }): string {
  const known = refs.get(result)
  if (known !== undefined) return known
  const made = digest({ result })
  refs.set(result, made)
  return made
}

class SimulatedHost implements Host {
  readonly #world: World
  now = 0
  readonly drafts: ProposalDraft[] = []
  readonly effects: Simulated['effects'] = []
  readonly escalations: Escalation[] = []
  readonly handoffs: Simulated['handoffs'] = []
  readonly #moments: Moment[] = []
  readonly #began: number[] = []
  /** `remedy/target` of each effect that was applied. */
  readonly #applied: string[] = []
  readonly events: Simulated['events'] = []
  readonly looks: string[] = []
  #gate:
    { draft: ProposalDraft; decision: Decision; openedAt: number; expiresAt: number; escalated: boolean } | undefined

  constructor(world: World) {
    this.#world = world
  }

  async runChecks(requests: CheckRequest[]): Promise<Evidence[]> {
    return requests.map((request) => this.#look(request))
  }

  #look({ place, name, kind, parameters, unavailable }: CheckRequest): Evidence {
    this.looks.push(place)
    this.#began[roundOf(place)! - 1] ??= this.now
    const { now, round, applied, moments, began } = this.#situation()
    const result =
      unavailable === undefined
        ? this.#world.check(name, { now, round, applied, moments, began, place, parameters })
        : { failed: unavailable }
    const truncated = (result as JsonObject).truncated === true
    // Written out: thousands of looks are taken, and objects that are put together from others are slow to make.
    return typeof result.failed === 'string'
      ? {
          place,
          name,
          kind,
          startedAt: START,
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
          startedAt: START,
          durationMs: 0,
          status: 'ok',
          result: result as JsonObject,
          ref: refOf(result),
          truncated,
        }
  }

  #situation(): Omit<Look, 'place' | 'parameters'> {
    const round = (this.drafts.at(-1)?.round ?? 0) + (this.#gate ? 0 : 1)
    return { now: this.now, round, applied: this.#applied, moments: this.#moments, began: this.#began }
  }

  async propose(draft: ProposalDraft): Promise<Proposed> {
    const decision = draft.approval.auto
      ? { approve: 'all' as const }
      : (this.#world.decide?.(draft, this.#situation()) ?? { approve: 'all' as const })
    this.drafts.push(draft)
    this.#moments.push({ round: draft.round, remedy: draft.remedy, proposedAt: this.now })
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
        return this.#over({ state: 'rejected', nextCause: decision.nextCause ?? false, by: 'operator' })
      return this.#over({ state: 'cancelled', why: 'cancelled by operator' })
    }
    if (this.now >= gate.expiresAt) {
      if (!draft.approval.auto && draft.approval.onTimeout === 'escalate' && !gate.escalated) {
        gate.escalated = true
        gate.expiresAt += draft.approval.withinMs
      } else
        return this.#over({ state: 'expired', why: gate.escalated ? 'twice unanswered' : 'nobody answered in time' })
    }
    const half = draft.approval.auto ? 0 : draft.approval.withinMs / 2
    return {
      state: 'open',
      expiresInMs: Math.min(gate.expiresAt, Math.max(due, this.now)) - this.now,
      escalated: gate.escalated,
      remindInMs: Math.max(0, gate.expiresAt - half - this.now),
    }
  }

  #over(resolution: GateResolution): GateResolution {
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
    const came = this.#world.effect?.(action, draft.round) ?? 'applied'
    if (came === 'waiting') return { waiting: action.kind }
    const { result, observed } = typeof came === 'string' ? { result: came } : came
    this.effects.push({ round: draft.round, action: action.id, target: action.target, result })
    if (result === 'applied') {
      this.#applied.push(`${draft.remedy}/${action.target}`)
      this.#moments.at(-1)!.appliedAt ??= this.now
    }
    const effect = { gate: draft.gate, action: action.id, target: action.target, result, detail: result }
    return { effect: { ...effect, ...(observed ? { observed } : {}) } }
  }

  async poll(request: PollRequest): Promise<PollAnswer> {
    const startedAt = this.now
    const { last: _, ...answer } = await poll(
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

  /** As many pauses as pass before anything can look different, and at least one. */
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

  setStatus(): void {}
}
