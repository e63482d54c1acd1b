import type { GateResolution } from '../core/decision.ts'
import type { EventBody } from '../core/events.ts'
import type { Effect } from '../core/effect.ts'
import type { Evidence } from '../core/evidence.ts'
import type { Finding, Outcome } from '../core/incident.ts'
import type { Json, JsonObject } from '../core/json.ts'
import type { ActionAccess, Expression, PlanCheck, PlanRemedy, Risk, Type } from '../core/plan.ts'
import type { ProposedTarget } from '../core/proposal.ts'

/**
 * Everything that the interpreter needs from outside. One host is the Temporal workflow, whose methods are activities and timers; another
 * is the simulator with a fake clock. Every answer is the value that was stored first at its place, so each call may be repeated.
 */
export interface Host {
  /**
   * Runs checks in parallel and stores each result at its place. Returns the evidence in the same order; a failed check is evidence too.
   * Waits for connections that are down; throws `IncidentCancelled` if the incident is cancelled meanwhile.
   */
  runChecks(requests: CheckRequest[]): Promise<Evidence[]>
  /** Previews, digests and stores the proposal, and opens its gate. */
  propose(draft: ProposalDraft): Promise<Proposed>
  /** The gate's current state, from its row. */
  resolveGate(gate: string): Promise<GateResolution>
  /** Waits for a signal (true) or until `ms` have passed (false). A signal received since the last call counts. */
  waitForSignal(ms: number): Promise<boolean>
  /** Applies one action of the stored proposal to one target. */
  apply(request: ApplyRequest): Promise<ApplyAnswer>
  /** Samples checks until the condition has held for `holdsMs`, or `withinMs` is over. */
  poll(request: PollRequest): Promise<PollAnswer>
  /** Appends an event to the history. `at`: when it was recorded (ISO 8601, the engine's database clock). */
  record(event: InterpreterEvent): Promise<{ at: string }>
  /** Notifies groups and channels, at least once each. A channel that cannot be reached is recorded; it is no error. */
  escalate(escalation: Escalation): Promise<void>
  /** Opens or joins a linked incident of another type. */
  handOff(type: string, inputs: JsonObject): Promise<{ incident: string }>
  close(closing: ClosingRequest): Promise<void>
  /** The time in milliseconds. A replayed workflow gets the same value at the same point. */
  clock(): number
  /**
   * Whether an error means that the host itself ends, as when its workflow is terminated. Such an error is rethrown and
   * does not become the outcome `failed`.
   */
  isFatal(error: unknown): boolean
  /**
   * Whether the incident may take steps that versions before this change did not take. False while Temporal replays what an older
   * version did: a replayed workflow must take the same steps again.
   */
  includes(change: InterpreterChange): boolean
  /** One line about the running workflow, shown in Temporal. */
  setStatus(status: string): void
}

/** `declined-steps`: what was reported as not done is not asked for again, and its target gets no further action. */
export type InterpreterChange = 'declined-steps'

export type InterpreterEvent = { place: string } & EventBody<
  'recheck' | 'waiting' | 'stopped' | 'again' | 'unexpected' | 'verified'
>

export interface CheckRequest {
  place: string
  name: string
  kind: string
  parameters: JsonObject
  timeoutMs: number
  retries: number
  /** Why the check cannot run; it is then recorded as failed evidence. */
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

/** `gateNow`: the state of the gate directly after it was opened. Absent: it has to be read with `resolveGate`. */
export type Proposed =
  | { opened: true; gate: string; proposalDigest: string; gateNow?: GateResolution }
  | { opened: false; cancelledBy: string }

export interface ApplyRequest {
  gate: string
  proposalDigest: string
  action: string
  target: string
  timeoutMs: number
  /** When the last re-check was recorded (ISO 8601). */
  recheckedAt: string
}

/**
 * The answer to an apply request. `stale` means that the re-check is too old, so the interpreter re-checks and applies
 * again. `stopped` means that the incident was cancelled before this target. `over` means that the approval is no
 * longer valid and nothing was applied under it. `waiting` means that a person has to do the action and report it as
 * done.
 */
export type ApplyAnswer =
  { effect: Effect } | { stale: string } | { stopped: string } | { over: string } | { waiting: string }

export interface PollRequest {
  /** The stage, such as `r1/verify`: the last sample's evidence is stored below it. */
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
  /** How many samples were taken and what was missing, in one sentence. */
  detail: string
  tookMs: number
}

export interface Escalation {
  place: string
  /** The kind of the event that is recorded. Default: `escalation`. */
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
