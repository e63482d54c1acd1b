import { isLoop } from './loops.ts'
import { MAX_EXPRESSION_LENGTH, parseExpression } from './parse.ts'
import type { Node } from './parse.ts'

/** A named expression in which all other names of `let` have been replaced. */
export interface Definition {
  cel: string
  /** The names that the expression reads, except the names of its own loops. */
  reads: ReadonlySet<string>
}

export interface Expanded {
  cel: string
  /** The definitions that the expression used. */
  used: string[]
  /** The names that the expanded expression reads. */
  reads: ReadonlySet<string>
  /**
   * The uses of a definition inside a loop whose item has the same name as something that the definition reads, so that this name would
   * have another meaning there.
   */
  captured: { name: string; local: string; start: number; end: number }[]
  /** Returns the place in the original text for a place in `cel`, and the definition to which the place belongs. */
  origin(start: number, end: number): { start: number; end: number; name?: string }
}

interface Use {
  name: string
  start: number
  end: number
  locals: readonly string[]
}

/**
 * Replaces each name of a definition by the definition's expression. A name that an enclosing loop gives to its items keeps that meaning.
 * An expression that cannot be parsed is returned unchanged. Once the result is too long for an expression, the remaining names are not
 * replaced: names that use other names could make it grow without limit, and it is refused in any case.
 */
export function expandNames(cel: string, definitions: ReadonlyMap<string, Definition>): Expanded {
  const parsed = parseExpression(cel)
  const names = 'problem' in parsed ? [] : freeNames(parsed.root)
  const uses = names.filter(({ name }) => definitions.has(name)).toSorted((a, b) => a.start - b.start)
  const reads = new Set(names.filter(({ name }) => !definitions.has(name)).map(({ name }) => name))
  const pieces: { use: Use; at: number; length: number }[] = []
  let text = ''
  let done = 0
  for (const use of uses) {
    if (text.length > MAX_EXPRESSION_LENGTH) break
    const definition = definitions.get(use.name)!
    for (const read of definition.reads) reads.add(read)
    text += cel.slice(done, use.start)
    const replaced = `(${definition.cel})`
    pieces.push({ use, at: text.length, length: replaced.length })
    text += replaced
    done = use.end
  }
  text += cel.slice(done)
  return {
    cel: text,
    used: [...new Set(uses.map(({ name }) => name))],
    reads,
    captured: uses.flatMap(({ name, start, end, locals }) => {
      const local = locals.find((one) => definitions.get(name)!.reads.has(one))
      return local === undefined ? [] : [{ name, local, start, end }]
    }),
    origin: (start, end) => originOf(pieces, start, end),
  }
}

function originOf(
  pieces: { use: Use; at: number; length: number }[],
  start: number,
  end: number,
): { start: number; end: number; name?: string } {
  let shift = 0
  let from: number | undefined
  for (const { use, at, length } of pieces) {
    if (start < at) break
    if (start < at + length) {
      if (end <= at + length) return { start: use.start, end: use.end, name: use.name }
      from = use.start
    }
    shift = use.end - (at + length)
  }
  const last = pieces.findLast(({ at }) => at < end)
  const tail = !last ? 0 : end < last.at + last.length ? last.use.end - end : last.use.end - (last.at + last.length)
  return { start: from ?? start + shift, end: end + tail }
}

/** All names that an expression reads, except those of its own loops, with the names of the loops around each. */
function freeNames(root: Node): Use[] {
  const found: Use[] = []
  const visit = (node: Node, locals: readonly string[]): void => {
    if (node.op === 'id') {
      if (!locals.includes(node.args)) found.push({ name: node.args, start: node.start, end: node.end, locals })
      return
    }
    if (node.op === 'rcall' && isLoop(node.args[0])) {
      const [, over, [item, ...bodies]] = node.args
      visit(over, locals)
      const inner = item?.op === 'id' ? [...locals, item.args] : locals
      for (const body of bodies) visit(body, inner)
      return
    }
    for (const child of childrenOf(node)) visit(child, locals)
  }
  visit(root, [])
  return found
}

/** The nodes directly below a node. */
export function childrenOf(node: Node): Node[] {
  const found: Node[] = []
  const collect = (value: unknown): void => {
    if (Array.isArray(value)) value.forEach(collect)
    else if (typeof value === 'object' && value !== null && 'op' in value) found.push(value as Node)
  }
  collect(node.args)
  return found
}
