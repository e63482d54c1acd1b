import type { Json, JsonObject } from './json.ts'
import type { ActionAccess, Risk } from './plan.ts'

/**
 * A remedy rendered for one incident: canonical JSON, whose SHA-256 is the `proposalDigest` that every decision is bound to.
 * What runs is read from here and nowhere else: nothing is rendered again.
 */
export interface Proposal {
  gate: string
  incident: string
  round: number
  planDigest: string
  remedy: string
  title: string
  risk: Risk
  cause: string
  because: string
  /** In the order in which they are applied: each action for all its targets, then the next action. */
  actions: ProposedAction[]
  targets: ProposedTarget[]
  /** How many the cause affects; more than `targets` when the limit cut. */
  affected: number
  limits: { maxTargets: number; perHour?: number; cooldownMs?: number }
  approval: ProposedApproval
  /** When it was proposed and when the gate expires, by the engine's database clock (ISO 8601, UTC, microseconds). */
  proposedAt: string
  expiresAt: string
}

/** How it is decided on: what a permit goes by, as the digest covers it and the gate's columns are not signed. */
export interface ProposedApproval {
  auto: boolean
  by: string[]
  count: number
  excludeRequester: boolean
  validForMs: number
  /** Unanswered, the groups of `escalateTo` may decide too from `expiresAt` on; or it is rejected. */
  onTimeout: 'escalate' | 'reject'
  escalateTo: string[]
  /** Whether some of the targets can be approved alone; not where a write is done once for all of them. */
  inPart: boolean
}

export interface ProposedTarget {
  /** From the remedy's `key`; `-` for a remedy without `for`. */
  key: string
  /** The lease's name, from the remedy's `lock`. */
  lock?: string
  /** The thing itself, as the cause's `affects` gave it. */
  item: Json
}

export interface ProposedAction {
  /** `0-sql.update` */
  id: string
  kind: string
  access: ActionAccess
  /** A target's key, or `-` for an action that is done once. */
  target: string
  /** Every parameter's final value. */
  with: JsonObject
  /** Read-only look at what it would change: lines for people and data for machines. */
  preview: ActionPreview
}

export interface ActionPreview {
  /** One line: the statement, command or call in full. */
  summary: string
  /** What it would touch, as it is and as it would become. */
  rows?: { before: JsonObject; after: JsonObject }[]
  /** Columns whose values before stand in `rows` to the letter, nothing hidden, replaced, cut or rounded: only these can be put back. */
  exact?: string[]
  /** How many things it would touch. */
  count?: number
  /** Whether it can be undone, and how. */
  undo?: string
  /** How surely it is done once; absent where it is exactly once. */
  guarantee?: string
  /** What could not be looked at, and why. */
  warning?: string
}
