import { Environment, ParseError } from '@marcbachmann/cel-js'
import type { ASTNode } from '@marcbachmann/cel-js'
import type { Rule } from '../rules.ts'

export type Node = ASTNode

/** A problem of an expression; `start` and `end` are character offsets from the start of the expression. */
export interface ExpressionProblem {
  rule: Rule
  message: string
  start: number
  end: number
}

export const MAX_EXPRESSION_LENGTH = 2_000

const LIMITS = { maxAstNodes: 400, maxDepth: 24, maxListElements: 100, maxMapEntries: 50, maxCallArguments: 6 }
const LIMITED: Record<keyof typeof LIMITS, string> = {
  maxAstNodes: 'operations and values in one expression',
  maxDepth: 'levels of nesting',
  maxListElements: 'values in a list',
  maxMapEntries: 'entries in a map',
  maxCallArguments: 'arguments of one function',
}

// Only the parser of the library is used. This project checks and evaluates expressions itself, because of JSON numbers, nullability,
// truncation and cost.
const environment = new Environment({
  unlistedVariablesAreDyn: true,
  homogeneousAggregateLiterals: false,
  limits: LIMITS,
})

/** Returns the syntax tree of a CEL expression, or the problem because of which it cannot be parsed. */
export function parseExpression(cel: string): { root: Node } | { problem: ExpressionProblem } {
  const whole = (rule: Rule, message: string) => ({ problem: { rule, message, start: 0, end: cel.length } })
  if (cel.trim() === '') return whole('expression-syntax', 'The expression is empty.')
  if (cel.length > MAX_EXPRESSION_LENGTH)
    return whole(
      'expression-too-long',
      `The expression has ${cel.length} characters; at most ${MAX_EXPRESSION_LENGTH} are allowed.`,
    )
  try {
    return { root: environment.parse(cel).ast }
  } catch (error) {
    if (!(error instanceof ParseError)) return whole('expression-syntax', 'The expression is nested too deeply.')
    const start = Math.min(error.range?.start ?? 0, cel.length)
    const end = Math.max(start + 1, error.range?.end ?? start + 1)
    const rule = error.code === 'limit_exceeded' ? 'expression-too-complex' : 'expression-syntax'
    return { problem: { rule, message: explain(error, cel, start), start, end } }
  }
}

const TOKENS: Record<string, string> = {
  EOF: 'the end of the expression',
  RPAREN: '")"',
  LPAREN: '"("',
  RBRACKET: '"]"',
  LBRACKET: '"["',
  RBRACE: '"}"',
  LBRACE: '"{"',
  COMMA: '","',
  COLON: '":"',
  DOT: '"."',
  QUESTION: '"?"',
  IDENTIFIER: 'a name',
  STRING: 'a string',
  NUMBER: 'a number',
}

function explain(error: ParseError, cel: string, start: number): string {
  const limit = Object.keys(LIMITS).find((name) => error.summary.includes(name)) as keyof typeof LIMITS | undefined
  if (limit)
    return `At most ${LIMITS[limit]} ${LIMITED[limit]} are allowed. Split the expression into several causes, or count in the check.`
  const at = cel.slice(start)
  if (at.startsWith('=')) return '"=" is not an operator: write "==" to compare.'
  if (error.code === 'unexpected_character' && (at[0] === '&' || at[0] === '|'))
    return `"${at[0]}" is not an operator: write "${at[0]}${at[0]}".`
  if (at.startsWith('${{') || cel.includes('${{'))
    return 'This field is already an expression: write it without "${{ }}".'
  const word = keywordAt(cel, start)
  if (word) return `"${word}" is not an operator: write &&, || and ! for "and", "or" and "not".`
  if (error.code === 'unexpected_token' && /Unexpected token: (\w+)/.test(error.summary)) {
    const token = /Unexpected token: (\w+)/.exec(error.summary)![1]!
    return `${capital(TOKENS[token] ?? `"${at.split(/\s/)[0]}"`)} is unexpected here.`
  }
  if (error.code === 'invalid_macro_argument') return 'The first argument must be a name for one item, such as r.'
  const words = error.summary.replace(/\b[A-Z]{2,}\b/g, (token) => TOKENS[token] ?? token)
  return `${capital(words)}.`
}

/** The word `and`, `or` or `not`, which other languages use as operators. */
function keywordAt(cel: string, at: number): string | undefined {
  return /^(?:and|or)\b/.exec(cel.slice(at))?.[0] ?? /\b(?:not|and|or)\s+$/.exec(cel.slice(0, at))?.[0].trim()
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
