import type { Json, JsonObject } from './json.ts'
import type { ActionAccess, Risk } from './plan.ts'
import type { PolicyTerms } from './policy.ts'
import { strongerOf, type Strength } from './strength.ts'

/** The target key of a remedy without `for`, and of an action that is done once for all targets. */
export const ALL_TARGETS = '-'

/** The actions that the engine does not carry out on a system itself, so that they need no approval. */
const HARMLESS_KINDS: readonly string[] = ['notify', 'manual']

/** How each approval must be proved: what the runbook demands, or what the policy demanded when it was proposed, if that is more. */
export function proposedStrength({ approval: { strength = 'login', policy } }: Pick<Proposal, 'approval'>): Strength {
  return strongerOf(strength, policy?.strength ?? 'login')
}

/** A sentence that says why this proposal needs no approval. */
export function whyNoApproval({ actions }: Pick<Proposal, 'actions'>): string {
  return actions.every(({ kind }) => HARMLESS_KINDS.includes(kind))
    ? 'needs no approval: the engine changes nothing itself'
    : 'needs no approval: the configuration allows it (auto)'
}

/**
 * A remedy rendered for one incident. The SHA-256 of its canonical JSON is the `proposalDigest`, to which every decision is bound.
 * Actions run exactly as they are stored here; nothing is rendered again.
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
  /** The actions in the order in which they are applied: each action for all its targets, then the next action. */
  actions: ProposedAction[]
  targets: ProposedTarget[]
  /** How many items the cause affects; more than `targets` if `maxTargets` is lower. */
  affected: number
  limits: { maxTargets: number; perHour?: number; cooldownMs?: number }
  approval: ProposedApproval
  /** The times of the proposal and of the gate's expiry, by the clock of the engine's database (ISO 8601, UTC, microseconds). */
  proposedAt: string
  expiresAt: string
}

/** The rules of the approval. A permit uses these rules and not the columns of the gate, because the digest covers them. */
export interface ProposedApproval {
  auto: boolean
  by: string[]
  count: number
  excludeRequester: boolean
  validForMs: number
  /** If nobody decides by `expiresAt`: `escalate` lets the groups of `escalateTo` decide too, `reject` rejects. */
  onTimeout: 'escalate' | 'reject'
  escalateTo: string[]
  /** Whether a person may approve a subset of the targets. This is false if a write is done once for all targets. */
  inPart: boolean
  /** How each approval must be proved, as the runbook demands; absent: signing in is enough. */
  strength?: Strength
  /** What the policy of the configuration demanded when it was proposed, besides `by`; absent: no rule matched. */
  policy?: PolicyTerms
}

export interface ProposedTarget {
  /** The value of the remedy's `key`; `-` for a remedy without `for`. */
  key: string
  /** The lease's name, from the remedy's `lock`. */
  lock?: string
  /** The item that the cause's `affects` returned. */
  item: Json
}

export interface ProposedAction {
  /** The action's id, such as `0-sql.update`. */
  id: string
  kind: string
  access: ActionAccess
  /** A target's key, or `-` for an action that is done once for all targets. */
  target: string
  /** The final value of every parameter. */
  with: JsonObject
  /** What the action would change, read without changing anything. */
  preview: ActionPreview
}

export interface ActionPreview {
  /** The statement, command or call in full, on one line. */
  summary: string
  /** Each row or job before and after the action. */
  rows?: { before: JsonObject; after: JsonObject }[]
  /** The columns whose values in `rows[].before` are exact: not redacted, replaced, cut or rounded. Only these values can be restored. */
  exact?: string[]
  /** By name of a table without a schema, the schema of the table that was read. */
  schemas?: Record<string, string>
  /** What foreign keys make the database change beyond `rows` and `count`, such as `deletes rows of items`; absent if nothing. */
  cascades?: string
  /** How many rows or jobs the action would change. */
  count?: number
  /** Whether the action can be undone, and how. */
  undo?: string
  /** How often the action may be carried out; absent if exactly once. */
  guarantee?: string
  /** What could not be read, or why the action would be refused now. */
  warning?: string
  /** Why the preview could not show what the action would change. The executor refuses such an action, because nobody saw the change. */
  unread?: string
}
