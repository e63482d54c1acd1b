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
 * is the simulator with a fake clock. Every call returns the value that was stored first at its place, so each call may be repeated.
 */
export interface Host {
  /**
   * Runs checks in parallel and stores each result at its place. Returns the evidence in the same order; a failed check is evidence too.
   * Waits for connections that are down; throws `IncidentCancelled` if the incident is cancelled during the wait.
   */
  runChecks(requests: CheckRequest[]): Promise<Evidence[]>
  /** Previews, digests and stores the proposal, and opens the gate of the proposal. */
  propose(draft: ProposalDraft): Promise<Proposed>
  /** The gate's current state, from its row. */
  resolveGate(gate: string): Promise<GateResolution>
  /** Waits for a signal (true) or until `ms` have passed (false). A signal received since the last call counts. */
  waitForSignal(ms: number): Promise<boolean>
  /** Applies one action of the stored proposal to one target. */
  apply(request: ApplyRequest): Promise<ApplyAnswer>
  /** Samples checks until the condition has held for `holdsMs`, or `withinMs` is over. */
  poll(request: PollRequest): Promise<PollAnswer>
  /** Appends an event to the history. Returns when it was recorded (ISO 8601, by the clock of the engine's database). */
  record(event: InterpreterEvent): Promise<{ at: string }>
  /** Notifies groups and channels, each at least once. A channel that cannot be reached is recorded; this is not an error. */
  escalate(escalation: Escalation): Promise<void>
  /** Opens or joins a linked incident of another type. */
  handOff(type: string, inputs: JsonObject): Promise<{ incident: string }>
  close(closing: ClosingRequest): Promise<void>
  /** The time in milliseconds. A replayed workflow gets the same value at the same point. */
  clock(): number
  /**
   * Whether an error means that the host itself ends, for example because its workflow is terminated. Such an error is rethrown and does
   * not become the outcome `failed`.
   */
  isFatal(error: unknown): boolean
  /**
   * Whether the incident may take steps that earlier versions did not take. It is false while Temporal replays the steps of an earlier
   * version, because a replayed workflow must take the same steps again.
   */
  includes(change: InterpreterChange): boolean
  /** One line about the running workflow, shown in Temporal. */
  setStatus(status: string): void
}

/**
 * The name of a change of the steps. `declined-steps`: an action that a person reported as not done is not asked for again, and its target
 * gets no further action.
 */
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
  /** Why the check cannot run. It is then recorded as failed evidence. */
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

/** The answer to a proposal. `gateNow`: the state of the gate directly after it was opened; if absent, `resolveGate` must read it. */
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
 * The answer to an apply request. `stale` means that the re-check is too old, so the interpreter re-checks and applies again. `stopped`
 * means that the incident was cancelled before this target. `over` means that the approval is no longer valid and nothing was applied
 * because of it. `waiting` means that a person has to do the action and report it as done.
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
