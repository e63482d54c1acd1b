import type { Node } from './parse.ts'

/** `r.job_id` for a chain of plain names; undefined for anything else. */
export function pathOf(node: Node): string | undefined {
  if (node.op === 'id') return node.args
  if (node.op !== '.') return undefined
  const left = pathOf(node.args[0])
  return left === undefined ? undefined : `${left}.${node.args[1]}`
}

/** The chains that cannot be null where `condition` came out as `outcome`: `r.n != null && r.n > 5` is well typed. */
export function notNullWhen(condition: Node, outcome: boolean): string[] {
  switch (condition.op) {
    case '!_':
      return notNullWhen(condition.args, !outcome)
    case '&&':
      return outcome ? bothSides(condition.args, outcome) : []
    case '||':
      return outcome ? [] : bothSides(condition.args, outcome)
    case '!=':
      return outcome ? comparedWith(condition.args, isNull) : []
    case '==':
      return comparedWith(condition.args, outcome ? isLiteral : isNull)
    default:
      return []
  }
}

function bothSides([left, right]: [Node, Node], outcome: boolean): string[] {
  return [...notNullWhen(left, outcome), ...notNullWhen(right, outcome)]
}

function comparedWith([left, right]: [Node, Node], test: (node: Node) => boolean): string[] {
  const path = test(right) ? pathOf(left) : test(left) ? pathOf(right) : undefined
  return path === undefined ? [] : [path]
}

const isNull = (node: Node) => node.op === 'value' && node.args === null
const isLiteral = (node: Node) => node.op === 'value' && node.args !== null
