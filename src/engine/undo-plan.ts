import { isSameJson } from '../core/canonical.ts'
import { isJsonObject, type Json, type JsonObject } from '../core/json.ts'
import { IR_VERSION, type Expression, type Plan, type PlanAction, type PlanRemedy } from '../core/plan.ts'
import { ALL_TARGETS, type ProposedAction } from '../core/proposal.ts'
import { strongerOf } from '../core/strength.ts'
import { whyBadKey } from '../interpreter/render.ts'

/** One applied effect: the proposal's action, and the remedy that the action belongs to. */
export interface AppliedAction {
  action: ProposedAction
  remedy: PlanRemedy | undefined
  /** The lease that was held when the effect was applied. */
  lease: string
  /** What the action returned, according to the effect's record. */
  observed?: JsonObject
}

/** An action of an earlier undo of the same incident that was applied, or whose result is unknown. */
export interface EarlierUndo {
  incident: string
  action: Pick<ProposedAction, 'kind' | 'target' | 'with'>
  isKnown: boolean
}

export interface Undo {
  plan: Plan
  /** The effects that cannot be undone, each with the reason, as text for people. */
  notUndone: string[]
}

const TIMEOUT_MS = 10_000
const HOUR_MS = 3_600_000

/** The name of the plan that an undo runs by, and the type of its incident. */
const UNDO = 'undo'

/** The key of an incident that undoes the effects of another one. */
export function undoKey(incident: string): string {
  return `${UNDO}/${incident}`
}

/** Whether an incident runs by a plan that the engine made to undo effects, so that there is no file of a runbook. */
export function isUndo({ type, key, parent }: { type: string; key: string; parent: string | null }): boolean {
  return type === UNDO && parent !== null && key === undoKey(parent)
}

/** The target of the undo of an action that was done once for all targets, because no target may have the key `-`. */
const FOR_ALL = 'all targets'

/**
 * Builds a plan with one remedy that undoes the applied effects, the last one first. The remedy has the targets of the effects, so that a
 * person can approve only some of them. It needs the same approval as the effects, and each action is guarded by the values that the effect
 * wrote. There is no plan if no effect can be undone.
 */
export function undoPlan(
  incident: string,
  of: Pick<Plan, 'title' | 'escalate'>,
  applied: AppliedAction[],
  earlier: EarlierUndo[] = [],
): Undo | { plan?: undefined; notUndone: string[] } {
  const notUndone: string[] = []
  const before = [...earlier]
  const actions: PlanAction[] = []
  const targets = new Map<string, { key: string; lock: string }>()
  for (const { action, observed, lease } of applied.toReversed()) {
    if (action.kind === 'notify') continue
    const key = action.target === ALL_TARGETS ? FOR_ALL : action.target
    const undone = unlessUndone(reverse(action, observed?.guardAfter), key, before)
    if (typeof undone === 'string') {
      notUndone.push(`${action.id} on ${key}: ${undone}`)
      continue
    }
    actions.push(planAction(actions.length, key, undone))
    // The undo takes the lease of the effect, so that no remedy changes the target while its undo is applied.
    if (!targets.has(key)) targets.set(key, { key, lock: whyBadKey(lease) === undefined ? lease : key })
  }
  if (actions.length === 0) return { notUndone }
  const part = notUndone.length > 0 ? ` (${actions.length} of ${actions.length + notUndone.length} effects)` : ''
  const because = [`requested after ${incident}: ${of.title}`, ...notUndone.map((one) => `not undone: ${one}`)].join(
    '; ',
  )
  const to = of.escalate.to
  const plan: Plan = {
    irVersion: IR_VERSION,
    name: UNDO,
    incident: UNDO,
    title: `Undo of ${incident}`,
    inputs: {},
    key: { lit: undoKey(incident) },
    checks: [],
    causes: [
      {
        name: 'undo',
        title: `Undo of ${incident} was requested`,
        items: [...targets.values()],
        because: { lit: because },
        despite: [],
        then: { remedy: 'undo' },
      },
    ],
    otherwise: { end: 'escalate' },
    remedies: { undo: undoRemedy(`Undo the effects of ${incident}${part}`, actions, targets.size, applied, to) },
    rounds: { ineffective: 1, total: 3 },
    escalate: { to, message: { lit: `the effects of ${incident} could not be undone` } },
  }
  return { plan, notUndone }
}

function undoRemedy(
  title: string,
  actions: PlanAction[],
  maxTargets: number,
  applied: AppliedAction[],
  to: string[],
): PlanRemedy {
  const risks = applied.map(({ remedy }) => remedy?.risk ?? 'high')
  return {
    name: 'undo',
    title,
    risk: risks.includes('high') ? 'high' : risks.includes('medium') ? 'medium' : 'low',
    for: 'target',
    targetItem: { object: { key: 'string', lock: 'string' } },
    key: { expr: fieldOfTarget('key') },
    lock: { expr: fieldOfTarget('lock') },
    actions,
    limits: { maxTargets },
    approval: strictest(applied, to),
    // Nothing needs to be verified, because each write is guarded by exactly the values that the effect wrote.
    verify: {
      checks: [],
      until: { cel: 'true', checks: [], grows: [], shrinks: [] },
      holdsMs: 0,
      everyMs: 1_000,
      withinMs: 1_000,
    },
  }
}

function fieldOfTarget(name: string): Expression {
  return { cel: `target.${name}`, checks: [], grows: [], shrinks: [] }
}

/** The approval of the undo: it needs as many people as the strictest approval of the effects, and at least one. */
function strictest(applied: AppliedAction[], to: string[]): PlanRemedy['approval'] {
  const approvals = applied.flatMap(({ remedy }) => (remedy && !remedy.approval.auto ? [remedy.approval] : []))
  const strictestOne = approvals.toSorted((one, other) => other.count - one.count)[0]
  const fallback = {
    auto: false,
    by: to,
    count: 1,
    withinMs: HOUR_MS,
    onTimeout: 'reject',
    validForMs: HOUR_MS,
  } as const
  const strength = approvals.map((one) => one.strength ?? 'login').reduce(strongerOf, 'login')
  const own = strength === 'login' ? {} : { strength }
  return strictestOne ? { ...strictestOne, ...own } : { ...fallback, by: [...to] }
}

interface Reverse {
  kind: string
  with: JsonObject
}

function planAction(index: number, target: string, { kind, with: given }: Reverse): PlanAction {
  const values = Object.entries(given).map(([name, value]) => [name, { lit: value }] as const)
  return {
    id: `${index}-${kind}`,
    kind,
    access: 'write',
    with: Object.fromEntries(values),
    target,
    once: false,
    timeoutMs: TIMEOUT_MS,
  }
}

/**
 * The action, or the reason why it must not be proposed again because an earlier undo did it. Each action of an earlier undo counts for one
 * effect. An update is proposed again: its guard finds whether the row still has the values that the effect wrote.
 */
function unlessUndone(undone: Reverse | string, target: string, before: EarlierUndo[]): Reverse | string {
  if (typeof undone === 'string' || undone.kind === 'sql.update') return undone
  const at = before.findIndex(
    ({ action }) => action.target === target && action.kind === undone.kind && isSameJson(action.with, undone.with),
  )
  if (at < 0) return undone
  const [{ incident, isKnown }] = before.splice(at, 1) as [EarlierUndo]
  return isKnown
    ? `${incident} has undone it`
    : `${incident} may have undone it: settle that effect first with "runbook settle ${incident}"`
}

/** The action that undoes the given one, or the reason why no action can. */
function reverse({ kind, with: given, preview }: ProposedAction, guardAfter: Json | undefined): Reverse | string {
  const { connection = '', id = '' } = given
  switch (kind) {
    case 'sql.update':
      return reverseUpdate(given, preview, guardAfter)
    case 'sql.execute': {
      // The preview SELECT is left out, because it describes the original change and not the undo.
      const { undo, preview: _, ...rest } = given
      if (typeof undo !== 'string') return 'the runbook has no undo statement for it'
      return { kind, with: { ...rest, sql: undo } }
    }
    case 'bullmq.quarantine':
      return { kind: 'bullmq.retry', with: { connection, id } }
    default:
      return 'only a person can undo it'
  }
}

/**
 * An update with the previous values. Its guard holds the values that the write left, including those of columns that
 * the database changed itself, such as `updated_at`.
 */
function reverseUpdate(
  given: JsonObject,
  preview: ProposedAction['preview'],
  guardAfter: Json | undefined,
): Reverse | string {
  const { connection = '', table = '', where, set, rows = 1 } = given
  if (!isJsonObject(where) || !isJsonObject(set)) return 'the changed rows are unknown'
  const rowsBefore = preview.rows ?? []
  if (preview.count !== rows || rowsBefore.length !== rows) return 'the preview did not read all of the changed rows'
  const columns = Object.keys(set)
  const inexact = columns.find((column) => !preview.exact?.includes(column))
  if (inexact !== undefined) return `the exact previous value of ${inexact} is unknown`
  const [first, ...others] = rowsBefore.map(({ before }) => columns.map((column) => before[column]))
  if (others.some((one) => JSON.stringify(one) !== JSON.stringify(first))) return 'its rows had different values before'
  const previous = Object.fromEntries(columns.map((column, i) => [column, first![i]!]))
  const left = { ...where, ...set, ...(isJsonObject(guardAfter) ? guardAfter : {}) }
  return { kind: 'sql.update', with: { connection, table, where: left, set: previous, rows } }
}
