import { MAX_ROWS } from '../../core/evidence.ts'
import { childrenOf } from './expand-names.ts'
import { isLoop } from './loops.ts'
import type { Node } from './parse.ts'

/**
 * The maximum number of loop steps that the compiler accepts. Joining 500 rows with 500 rows is allowed; joining three such lists is not.
 */
export const MAX_LOOP_STEPS = 1_000_000

/** The number of loop steps in the worst case, in which every list of a check has the maximum number of rows. */
export function loopSteps(node: Node): number {
  if (node.op === 'value' || node.op === 'id') return 0
  if (node.op === 'rcall' && isLoop(node.args[0])) {
    const [, over, args] = node.args
    const items = over.op === 'list' ? over.args.length : MAX_ROWS
    const body = args.slice(1).reduce((total, arg) => total + loopSteps(arg), 0)
    return loopSteps(over) + items * (1 + body)
  }
  return childrenOf(node).reduce((total, child) => total + loopSteps(child), 0)
}
