import type { GateResolution } from '../core/decision.ts'
import type { EventBody } from '../core/events.ts'
import type { Effect } from '../core/effect.ts'
import type { Evidence } from '../core/evidence.ts'
import type { Finding, Outcome } from '../core/incident.ts'
import type { Json, JsonObject } from '../core/json.ts'
import type { ActionAccess, Expression, PlanCheck, PlanRemedy, Risk, Type } from '../core/plan.ts'
import type { ProposedTarget } from '../core/proposal.ts'

/**
 * All that the interpreter needs of the world. One host is the Temporal workflow, whose methods are activities and timers; another
 * is the simulator with a fake clock. Every answer is what was stored first at its place, so a host may be asked twice.
 */
export interface Host {
  /** Runs checks in parallel and stores each result at its place. Answers in the order asked; a check that fails is an answer. */
  runChecks(requests: CheckRequest[]): Promise<Evidence[]>
  /** Previews, digests and stores the proposal, and opens its gate. */
  propose(draft: ProposalDraft): Promise<Proposed>
  /** What the gate's row says about it. */
  resolveGate(gate: string): Promise<GateResolution>
  /** Returns when somebody rings (true), or after `ms`. A ring that came since the last call counts. */
  waitForSignal(ms: number): Promise<boolean>
  /** Applies one action of the stored proposal to one target. */
  apply(request: ApplyRequest): Promise<ApplyAnswer>
  /** Samples checks until the condition has held for a while, or the time is up. */
  poll(request: PollRequest): Promise<PollAnswer>
  /** Appends to the history what only the interpreter knows; answers when it was recorded (ISO 8601, the engine's database clock). */
  record(event: InterpreterEvent): Promise<{ at: string }>
  /** Tells groups and channels. Told at least once; a channel that does not answer is recorded, not an error. */
  escalate(escalation: Escalation): Promise<void>
  /** Opens or joins a linked incident of another type. */
  handOff(type: string, inputs: JsonObject): Promise<{ incident: string }>
  close(closing: ClosingRequest): Promise<void>
  /** Milliseconds; the same when it is asked again at the same point of a workflow that is replayed. */
  clock(): number
  /** Errors that are the host's own affair (a workflow being ended): they pass through instead of becoming an outcome. */
  isFatal(error: unknown): boolean
  /** One line for who looks at the running workflow. */
  tell(status: string): void
}

export type InterpreterEvent = { place: string } & EventBody<
  'recheck' | 'waiting' | 'stopped' | 'unexpected' | 'verified'
>

export interface CheckRequest {
  place: string
  name: string
  kind: string
  parameters: JsonObject
  timeoutMs: number
  retries: number
  /** Why it cannot be run: what it needs failed. It is recorded as failed evidence. */
  unavailable?: string
}

export interface ProposalDraft {
  gate: string
  round: number
  cause: string
  because: string
  remedy: string
  title: string
  risk: Risk
  actions: DraftAction[]
  targets: ProposedTarget[]
  affected: number
  limits: PlanRemedy['limits']
  approval: PlanRemedy['approval']
  escalateTo: string[]
  findings: Finding[]
}

export interface DraftAction {
  id: string
  kind: string
  access: ActionAccess
  target: string
  with: JsonObject
}

export type Proposed = { opened: true; gate: string; proposalDigest: string } | { opened: false; cancelledBy: string }

export interface ApplyRequest {
  gate: string
  proposalDigest: string
  action: string
  target: string
  timeoutMs: number
  /** When the grounds were looked at last (ISO 8601). */
  recheckedAt: string
}

/**
 * `stale`: the grounds are too old, check again. `stopped`: cancelled before this target was begun. `over`: the approval no longer
 * counts, and nothing was begun under it. `waiting`: a person does it, and rings when it is done.
 */
export type ApplyAnswer =
  { effect: Effect } | { stale: string } | { stopped: string } | { over: string } | { waiting: string }

export interface PollRequest {
  /** `r1/verify`: the last sample's evidence is stored beneath. */
  place: string
  checks: PlanCheck[]
  scope: Record<string, Json>
  types: Record<string, Type>
  until: Expression
  holdsMs: number
  everyMs: number
  withinMs: number
}

export interface PollAnswer {
  held: boolean
  cancelled: boolean
  /** One sentence: how often it was looked at, and what was missing. */
  detail: string
  tookMs: number
}

export interface Escalation {
  place: string
  /** What it is recorded as; `escalation` unless said. */
  kind?: 'escalation' | 'reminder' | 'announcement'
  to: string[]
  message: string
  reason: string
}

export interface ClosingRequest {
  outcome: Outcome
  reason: string
  findings?: { round: number; findings: Finding[] }
}
