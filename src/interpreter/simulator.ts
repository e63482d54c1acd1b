import { digest } from '../core/canonical.ts'
import type { Settlement } from '../core/decision.ts'
import type { EffectResult } from '../core/effect.ts'
import type { Evidence } from '../core/evidence.ts'
import type { Finding, IncidentStart } from '../core/incident.ts'
import type { Json, JsonObject } from '../core/json.ts'
import type { Plan } from '../core/plan.ts'
import type {
  ApplyAnswer,
  ApplyRequest,
  CheckRequest,
  ClosingRequest,
  Escalation,
  Host,
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
  /** What becomes of a gate; asked when it opens. Default: everything is approved at once. */
  decide?(draft: ProposalDraft, look: Omit<Look, 'place' | 'parameters'>): Decision
  /** What an action does. Default: applied. */
  effect?(action: ProposalDraft['actions'][number]): EffectResult
}

export interface Look {
  now: number
  round: number
  place: string
  parameters: JsonObject
  applied: string[]
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
  events: { place: string; kind: string; data: JsonObject }[]
  /** Each place that was looked at, in order. */
  looks: string[]
  /** What the last round found. */
  findings: Finding[]
  tookMs: number
}

/** Runs a plan's incident against a world, on a clock that only moves when somebody waits: an hour takes no time. */
export async function simulate(plan: Plan, inputs: JsonObject, world: World): Promise<Simulated> {
  const host = new SimulatedHost(world)
  const start: IncidentStart = { incident: 'INC-1', planDigest: digest(plan as unknown as Json), inputs }
  const closing = await runIncident(plan, start, host)
  const { drafts, effects, escalations, events, looks, now } = host
  const findings = closing.findings?.findings ?? drafts.at(-1)?.findings ?? []
  return { closing, drafts, effects, escalations, events, looks, findings, tookMs: now }
}

class SimulatedHost implements Host {
  readonly #world: World
  now = 0
  readonly drafts: ProposalDraft[] = []
  readonly effects: Simulated['effects'] = []
  readonly escalations: Escalation[] = []
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
    const result =
      unavailable === undefined
        ? this.#world.check(name, { ...this.#situation(), place, parameters })
        : { failed: unavailable }
    const failed = typeof result.failed === 'string' ? result.failed : undefined
    const about = { place, name, kind, startedAt: new Date(this.now).toISOString(), durationMs: 0 }
    if (failed !== undefined)
      return { ...about, status: 'failed', error: failed, ref: digest({ error: failed }), truncated: false }
    const found = result as JsonObject
    return {
      ...about,
      status: 'ok',
      result: found,
      ref: digest({ result: found }),
      truncated: found.truncated === true,
    }
  }

  #situation(): Omit<Look, 'place' | 'parameters'> {
    const applied = this.effects
      .filter((effect) => effect.result === 'applied')
      .map((effect) => `${this.#remedyOf(effect.round)}/${effect.target}`)
    return { now: this.now, round: (this.drafts.at(-1)?.round ?? 0) + (this.#gate ? 0 : 1), applied }
  }

  #remedyOf(round: number): string {
    return this.drafts.find((draft) => draft.round === round)?.remedy ?? ''
  }

  async propose(draft: ProposalDraft): Promise<Proposed> {
    const decision = draft.approval.auto
      ? { approve: 'all' as const }
      : (this.#world.decide?.(draft, this.#situation()) ?? { approve: 'all' as const })
    this.drafts.push(draft)
    const within = draft.approval.auto ? 0 : draft.approval.withinMs
    this.#gate = { draft, decision, openedAt: this.now, expiresAt: this.now + within, escalated: false }
    return { opened: true, gate: draft.gate, proposalDigest: digest(draft as unknown as Json) }
  }

  async settle(): Promise<Settlement> {
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
    return {
      state: 'open',
      expiresInMs: Math.min(gate.expiresAt, Math.max(due, this.now)) - this.now,
      escalated: gate.escalated,
    }
  }

  #over(settlement: Settlement): Settlement {
    this.#gate = undefined
    return settlement
  }

  async waitForRing(ms: number): Promise<void> {
    this.now += ms
  }

  async apply(request: ApplyRequest): Promise<ApplyAnswer> {
    const { draft } = this.#gate!
    const action = draft.actions.find((one) => one.id === request.action && one.target === request.target)
    if (!action) throw new Error(`${request.action} on ${request.target} was not proposed`)
    const result = this.#world.effect?.(action) ?? 'applied'
    this.effects.push({ round: draft.round, action: action.id, target: action.target, result })
    return { effect: { gate: draft.gate, action: action.id, target: action.target, result, detail: result } }
  }

  async poll(request: PollRequest): Promise<PollAnswer> {
    const startedAt = this.now
    const { last: _, ...answer } = await poll(
      {
        runChecks: (requests) => this.runChecks(requests),
        elapsedMs: () => this.now - startedAt,
        sleep: (ms) => this.sleep(ms),
        cancelled: async () => false,
      },
      request,
    )
    return answer
  }

  async record(place: string, kind: string, data: JsonObject): Promise<{ at: string }> {
    this.events.push({ place, kind, data })
    if (kind === 'verified') this.#gate = undefined
    return { at: new Date(this.now).toISOString() }
  }

  async escalate(escalation: Escalation): Promise<void> {
    this.escalations.push(escalation)
  }

  async handOff(): Promise<{ incident: string }> {
    return { incident: 'INC-2' }
  }

  async close(): Promise<void> {}

  async sleep(ms: number): Promise<void> {
    this.now += ms
  }

  isFatal(): boolean {
    return false
  }

  tell(): void {}
}
