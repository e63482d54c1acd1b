import type { Json } from '../../core/json.ts'
import type { PlanRemedy, Value } from '../../core/plan.ts'
import { parseExpression } from '../expressions/parse.ts'
import type { Node } from '../expressions/parse.ts'

export interface ConditionsOnWrite {
  /** Comparisons in `until` with a value that `set` writes, such as `status == FAILED`. */
  written: string[]
  /** Whether `until` has no other conditions, so that the write alone makes it true. */
  alone: boolean
}

/** The conditions in the remedy's `until` that its own writes make true. */
export function conditionsOnWrite({ actions, verify }: Pick<PlanRemedy, 'actions' | 'verify'>): ConditionsOnWrite {
  const parsed = parseExpression(verify.until.cel)
  const set = new Map(
    actions.flatMap(({ kind: action, with: { set: to } }) => (action === 'sql.update' ? literals(to) : [])),
  )
  if (!('root' in parsed) || set.size === 0) return { written: [], alone: false }
  const written = new Set<string>()
  const alone = visit(parsed.root, set, written)
  return { written: [...written], alone: alone && written.size > 0 }
}

function literals(record: Value | undefined): [string, Json][] {
  if (!record) return []
  if ('lit' in record) return Object.entries(record.lit as Record<string, Json>)
  if (!('map' in record)) return []
  return Object.entries(record.map).flatMap(([name, value]) => ('lit' in value ? [[name, value.lit]] : []))
}

/** Collects comparisons with written values. Returns whether all other comparisons only select the row. */
function visit(node: Node, set: ReadonlyMap<string, Json>, written: Set<string>): boolean {
  if (node.op === '&&' || node.op === '||')
    return node.args.map((side) => visit(side, set, written)).every((alone) => alone)
  if (node.op === 'rcall' && node.args[2].length > 0) return visit(node.args[2].at(-1)!, set, written)
  if (node.op !== '==') return false
  const [left, right] = node.args
  const [field, value] = left.op === 'value' ? [right, left] : [left, right]
  if (value.op !== 'value') return true
  const column = field.op === '.' ? field.args[1] : ''
  const wanted = typeof value.args === 'bigint' ? Number(value.args) : value.args
  if (!set.has(column) || set.get(column) !== wanted) return false
  written.add(`${column} == ${String(wanted)}`)
  return true
}
