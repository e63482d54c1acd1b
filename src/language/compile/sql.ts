import { MAX_ROWS } from '../../core/evidence.ts'

/** A problem within SQL text; offsets count from its begin. */
export interface SqlProblem {
  rule: 'sql-write' | 'sql-statements' | 'sql-hidden-limit'
  message: string
  start: number
  end: number
}

interface Token {
  /** Lower case; quoted names and texts are blanked. */
  word: string
  start: number
  /** How many parentheses are open around it. */
  depth: number
}

const READS = new Set(['select', 'with', 'table', 'values', 'show', 'explain'])
const WRITES = new Set(['insert', 'update', 'delete', 'merge'])

/**
 * What a statement for reading must not hold. Words are looked at, not the grammar: the real boundary is the role that runs it.
 */
export function readProblems(sql: string): SqlProblem[] {
  const tokens = tokensOf(sql)
  const problem = (rule: SqlProblem['rule'], token: Token, message: string): SqlProblem => ({
    rule,
    message,
    start: token.start,
    end: token.start + token.word.length,
  })
  const [first] = tokens
  if (!first) return [{ rule: 'sql-statements', message: 'There is no statement here.', start: 0, end: sql.length }]
  const second = tokens.find((_, i) => tokens[i - 1]?.word === ';')
  if (second) return [problem('sql-statements', second, 'One statement only: leave out what follows the semicolon.')]
  const starts = first.word === '(' ? tokens.find((token) => token.word !== '(')! : first
  if (!starts || !READS.has(starts.word))
    return [
      problem(
        'sql-write',
        starts ?? first,
        `A check only reads: "${(starts ?? first).word.toUpperCase()}" may not begin its statement.`,
      ),
    ]
  const write = tokens.find((token, i) => writesHere(tokens, token, i))
  if (write)
    return [
      problem('sql-write', write, `A check only reads: "${write.word.toUpperCase()}" would change or lock something.`),
    ]
  const limit = hiddenLimit(tokens)
  return limit ? [problem('sql-hidden-limit', limit, HIDDEN)] : []
}

const HIDDEN = `A check keeps at most ${MAX_ROWS} rows and says when there are more. This limit within them hides it: leave it out, or count in SQL.`

function writesHere(tokens: Token[], token: Token, i: number): boolean {
  const before = tokens[i - 1]?.word
  if (WRITES.has(token.word) && (before === '(' || i === 0)) return true
  if (token.word === 'into' && before !== '.') return true
  const locks = token.word === 'update' || token.word === 'share'
  if (locks && (before === 'for' || before === 'key')) return true
  const afterExplain = tokens[0]!.word === 'explain'
  return afterExplain && (WRITES.has(token.word) || token.word === 'analyze')
}

function hiddenLimit(tokens: Token[]): Token | undefined {
  return tokens.find((token, i) => {
    if (token.depth > 0) return false
    const [next, after] = [tokens[i + 1]?.word ?? '', tokens[i + 2]?.word ?? '']
    if (token.word === 'limit') return isWithin(next)
    return (
      token.word === 'fetch' && (next === 'first' || next === 'next') && (isWithin(after) || after.startsWith('row'))
    )
  })
}

const isWithin = (word: string) => /^[0-9]+$/.test(word) && Number(word) <= MAX_ROWS

/** How many values the statement takes: the greatest of its `$n`; and those that are missing below it. */
export function parametersOf(sql: string): { count: number; missing: number[] } {
  const used = new Set<number>()
  for (const { word } of tokensOf(sql)) if (word.startsWith('$')) used.add(Number(word.slice(1)))
  const count = Math.max(0, ...used)
  const missing = count > 1000 ? [] : Array.from({ length: count }, (_, i) => i + 1).filter((n) => !used.has(n))
  return { count, missing }
}

const TOKEN =
  /--[^\n]*|\/\*|\$([A-Za-z_][A-Za-z0-9_]*)?\$|[eE]'|'|"|\$[0-9]+|[A-Za-z_][A-Za-z0-9_$]*|[0-9]+(?:\.[0-9]+)?|[();.,]/g

/** Words, numbers, parameters and punctuation; comments and quoted things are passed over. */
function tokensOf(sql: string): Token[] {
  const tokens: Token[] = []
  let depth = 0
  TOKEN.lastIndex = 0
  for (let match = TOKEN.exec(sql); match; match = TOKEN.exec(sql)) {
    const found = match[0]
    const end = endOfQuoted(sql, found, match.index)
    if (end !== undefined) {
      TOKEN.lastIndex = end
      continue
    }
    if (found.startsWith('--')) continue
    if (found === ')') depth--
    tokens.push({ word: found.toLowerCase(), start: match.index, depth })
    if (found === '(') depth++
  }
  while (tokens.at(-1)?.word === ';') tokens.pop()
  return tokens
}

function endOfQuoted(sql: string, opening: string, at: number): number | undefined {
  const after = at + opening.length
  if (opening === '/*') return endOfComment(sql, after)
  if (opening === "'" || opening === '"') return endOf(sql, opening, after)
  if (opening === "e'" || opening === "E'") return endOfEscaped(sql, after)
  if (/^\$([A-Za-z_][A-Za-z0-9_]*)?\$$/.test(opening)) return endOf(sql, opening, after)
  return undefined
}

function endOf(sql: string, closing: string, from: number): number {
  const end = sql.indexOf(closing, from)
  return end < 0 ? sql.length : end + closing.length
}

function endOfEscaped(sql: string, from: number): number {
  for (let i = from; i < sql.length; i++) {
    if (sql[i] === '\\') i++
    else if (sql[i] === "'") return i + 1
  }
  return sql.length
}

/** Comments nest in PostgreSQL. */
function endOfComment(sql: string, from: number): number {
  let depth = 1
  for (let i = from; i < sql.length; i++) {
    if (sql.startsWith('/*', i)) depth++
    else if (sql.startsWith('*/', i)) depth--
    else continue
    i++
    if (depth === 0) return i + 1
  }
  return sql.length
}
