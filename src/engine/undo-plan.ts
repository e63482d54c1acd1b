import type { JsonObject } from '../core/json.ts'
import { isJsonObject } from '../core/json.ts'
import { IR_VERSION, type Plan, type PlanAction, type PlanRemedy } from '../core/plan.ts'
import type { ProposedAction } from '../core/proposal.ts'

/** One effect that was applied, by the action of the proposal that says what it did, and the remedy that it belonged to. */
export interface AppliedAction {
  action: ProposedAction
  remedy: PlanRemedy | undefined
}

export interface Undoing {
  plan: Plan
  /** What cannot be taken back, each with why; for people. */
  left: string[]
}

const TIMEOUT_MS = 10_000
const HOUR_MS = 3_600_000

/**
 * A plan whose one remedy takes back, last first, what was applied: under the same kind of approval, each action guarded by what the
 * effect left behind. Undefined where nothing of it can be.
 */
export function undoPlan(
  incident: string,
  of: Pick<Plan, 'title' | 'escalate'>,
  applied: AppliedAction[],
): Undoing | { plan?: undefined; left: string[] } {
  const left: string[] = []
  const actions: PlanAction[] = []
  for (const { action } of applied.toReversed()) {
    if (action.kind === 'notify') continue
    const reverse = reversed(action)
    if (typeof reverse === 'string') left.push(`${action.id} on ${action.target}: ${reverse}`)
    else actions.push(planAction(actions.length, reverse))
  }
  if (actions.length === 0) return { left }
  const part = left.length > 0 ? ` (${actions.length} of ${actions.length + left.length} effects)` : ''
  const because = [`it was asked for after ${incident}: ${of.title}`, ...left.map((one) => `not ${one}`)].join('; ')
  const to = of.escalate.to
  const plan: Plan = {
    irVersion: IR_VERSION,
    name: 'undo',
    incident: 'undo',
    title: `Undo of ${incident}`,
    inputs: {},
    key: { lit: `undo/${incident}` },
    checks: [],
    causes: [
      {
        name: 'undo',
        title: `What ${incident} did is to be taken back`,
        because: { lit: because },
        despite: [],
        then: { remedy: 'undo' },
      },
    ],
    otherwise: { end: 'escalate' },
    remedies: { undo: undoRemedy(`Take back what ${incident} did${part}`, actions, applied, to) },
    rounds: { ineffective: 1, total: 3 },
    escalate: { to, message: { lit: `what ${incident} did could not be taken back` } },
  }
  return { plan, left }
}

function undoRemedy(title: string, actions: PlanAction[], applied: AppliedAction[], to: string[]): PlanRemedy {
  const risks = applied.map(({ remedy }) => remedy?.risk ?? 'high')
  return {
    name: 'undo',
    title,
    risk: risks.includes('high') ? 'high' : risks.includes('medium') ? 'medium' : 'low',
    targetItem: 'dyn',
    actions,
    limits: { maxTargets: 1 },
    approval: strictest(applied, to),
    // Each write must meet exactly what its effect left: that is all there is to see.
    verify: {
      checks: [],
      until: { cel: 'true', checks: [], grows: [], shrinks: [] },
      holdsMs: 0,
      everyMs: 1_000,
      withinMs: 1_000,
    },
  }
}

/** Of the approvals that it took, the one of most people; what took none takes one now. */
function strictest(applied: AppliedAction[], to: string[]): PlanRemedy['approval'] {
  const asked = applied.flatMap(({ remedy }) => (remedy && !remedy.approval.auto ? [remedy.approval] : []))
  const most = asked.toSorted((one, other) => other.count - one.count)[0]
  const none = { auto: false, by: to, count: 1, withinMs: HOUR_MS, onTimeout: 'reject', validForMs: HOUR_MS } as const
  return most ?? { ...none, by: [...to] }
}

interface Reverse {
  kind: string
  with: JsonObject
}

function planAction(index: number, { kind, with: given }: Reverse): PlanAction {
  const values = Object.entries(given).map(([name, value]) => [name, { lit: value }] as const)
  return {
    id: `${index}-${kind}`,
    kind,
    access: 'write',
    with: Object.fromEntries(values),
    once: false,
    timeoutMs: TIMEOUT_MS,
  }
}

/** What takes it back, or why nothing does. */
function reversed({ kind, with: given, preview }: ProposedAction): Reverse | string {
  const { connection = '', id = '' } = given
  switch (kind) {
    case 'sql.update':
      return reversedUpdate(given, preview)
    case 'sql.execute': {
      // Its SELECT shows what is to be changed, which is not what is to be taken back.
      const { undo, preview: _, ...rest } = given
      if (typeof undo !== 'string') return 'the runbook has no statement for it'
      return { kind, with: { ...rest, sql: undo } }
    }
    case 'bullmq.quarantine':
      return { kind: 'bullmq.retry', with: { connection, id } }
    default:
      return 'only a person can take it back'
  }
}

function reversedUpdate(given: JsonObject, preview: ProposedAction['preview']): Reverse | string {
  const { connection = '', table = '', where, set, rows = 1 } = given
  if (!isJsonObject(where) || !isJsonObject(set)) return 'what it changed is not known'
  const seen = preview.rows ?? []
  if (preview.count !== rows || seen.length !== rows) return 'the rows that it changed were not all looked at'
  const columns = Object.keys(set)
  const lost = columns.find((column) => !preview.exact?.includes(column))
  if (lost !== undefined) return `what was in ${lost} before is not known to the letter`
  const [first, ...others] = seen.map(({ before }) => columns.map((column) => before[column]))
  if (others.some((one) => JSON.stringify(one) !== JSON.stringify(first))) return 'its rows were not alike before'
  const was = Object.fromEntries(columns.map((column, i) => [column, first![i]!]))
  return { kind: 'sql.update', with: { connection, table, where: { ...where, ...set }, set: was, rows } }
}
