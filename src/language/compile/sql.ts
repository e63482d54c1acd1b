import { MAX_ROWS } from '../../core/evidence.ts'
import { parameterNumber, sqlTokens } from '../sql-tokens.ts'

/** A problem in SQL text; offsets count from the start of the text. */
export interface SqlProblem {
  rule: 'sql-write' | 'sql-statements' | 'sql-hidden-limit' | 'sql-not-a-write' | 'sql-unguarded'
  message: string
  start: number
  end: number
}

interface Token {
  /** The word in lower case. */
  word: string
  start: number
  /** How many parentheses are open around the token. */
  depth: number
}

const READS = new Set(['select', 'with', 'table', 'values', 'show', 'explain'])
const WRITES = new Set(['insert', 'update', 'delete', 'merge'])

/**
 * The problems of a statement that must only read. Only words are checked, not the grammar. The real protection is the role that runs the
 * statement.
 */
export function readProblems(sql: string): SqlProblem[] {
  const tokens = tokensOf(sql)
  const [first] = tokens
  const notOne = notOneStatement(sql, tokens)
  if (!first || notOne) return [notOne!]
  const starts = first.word === '(' ? tokens.find((token) => token.word !== '(')! : first
  if (!starts || !READS.has(starts.word))
    return [
      problem(
        'sql-write',
        starts ?? first,
        `A check only reads: its statement cannot begin with "${(starts ?? first).word.toUpperCase()}".`,
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

/** The problems of a statement that must write: several statements, one that only reads, or a write to every row. */
export function writeProblems(sql: string): SqlProblem[] {
  const tokens = tokensOf(sql)
  const [first] = tokens
  const notOne = notOneStatement(sql, tokens)
  if (!first || notOne) return [notOne!]
  const verb = first.word === 'with' ? tokens.slice(1).find(({ word, depth }) => depth === 0 && isCommand(word)) : first
  if (!verb || !WRITES.has(verb.word)) {
    const message = `This must be one INSERT, UPDATE, DELETE or MERGE, which can begin with WITH, but found "${(verb ?? first).word.toUpperCase()}".`
    return [problem('sql-not-a-write', verb ?? first, message)]
  }
  const all = changingEveryRow(tokens)
  return all
    ? [
        problem(
          'sql-unguarded',
          all,
          `Without WHERE, this ${all.word.toUpperCase()} changes every row of the table. Add a WHERE.`,
        ),
      ]
    : []
}

/** The writes inside WITH or parentheses, such as `DELETE`. PostgreSQL counts only the rows of the main statement. */
export function uncountedWrites(sql: string): string[] {
  const tokens = tokensOf(sql)
  const found = tokens.filter(({ word }, i) => WRITES.has(word) && tokens[i - 1]?.word === '(')
  return [...new Set(found.map(({ word }) => word.toUpperCase()))]
}

const ENDS_SET = new Set(['where', 'from', 'returning', 'when', 'on'])

/** Whether a statement deletes rows, and the names in its SET clauses: the columns that it changes, and those that the new values use. */
export function changesOf(sql: string): { deletes: boolean; names: string[] } {
  const names: string[] = []
  let deletes = false
  let inSet = false
  for (const { kind, text } of sqlTokens(sql)) {
    const word = kind === 'word' ? text.toLowerCase() : ''
    if (word === 'delete') deletes = true
    if (word === 'set') inSet = true
    else if (ENDS_SET.has(word)) inSet = false
    else if (inSet && (word !== '' || text.startsWith('"'))) names.push(word || text.slice(1, -1).replaceAll('""', '"'))
  }
  return { deletes, names }
}

const isCommand = (word: string) => WRITES.has(word) || READS.has(word)
/** Words after which UPDATE and DELETE belong to another statement: FOR UPDATE, ON CONFLICT DO UPDATE, WHEN MATCHED THEN DELETE. */
const PART_OF_ANOTHER = new Set(['for', 'key', 'do', 'then'])

/** The first UPDATE or DELETE without its own WHERE. */
function changingEveryRow(tokens: Token[]): Token | undefined {
  const waiting = new Map<number, Token>()
  for (const [i, token] of tokens.entries()) {
    const { word, depth } = token
    const isStatement = (word === 'update' || word === 'delete') && !PART_OF_ANOTHER.has(tokens[i - 1]?.word ?? '')
    if (isStatement && !waiting.has(depth)) waiting.set(depth, token)
    else if (word === 'where') waiting.delete(depth)
    else if (word === ')' && waiting.has(depth + 1)) break
  }
  return waiting.values().next().value
}

function notOneStatement(sql: string, tokens: Token[]): SqlProblem | undefined {
  if (tokens.length === 0)
    return { rule: 'sql-statements', message: 'There is no statement here.', start: 0, end: sql.length }
  const second = tokens.find((_, i) => tokens[i - 1]?.word === ';')
  return (
    second && problem('sql-statements', second, 'Only one statement is allowed: remove what follows the semicolon.')
  )
}

function problem(rule: SqlProblem['rule'], token: Token, message: string): SqlProblem {
  return { rule, message, start: token.start, end: token.start + token.word.length }
}

const HIDDEN = `A check keeps at most ${MAX_ROWS} rows and reports when there are more. With this LIMIT it cannot report that. Remove the LIMIT, or count in SQL.`

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

/** The number of values that a statement uses, which is its largest `$n`, and the unused numbers below it. */
export function parametersOf(sql: string): { count: number; missing: number[] } {
  const used = new Set<number>()
  for (const token of sqlTokens(sql)) {
    const number = parameterNumber(token)
    if (number !== undefined) used.add(number)
  }
  const count = Math.max(0, ...used)
  const missing = count > 1000 ? [] : Array.from({ length: count }, (_, i) => i + 1).filter((n) => !used.has(n))
  return { count, missing }
}

/** The words, numbers, parameters and punctuation, without comments, quoted strings and quoted names. */
function tokensOf(sql: string): Token[] {
  const tokens: Token[] = []
  let depth = 0
  for (const { kind, text, start } of sqlTokens(sql)) {
    if (kind !== 'word') continue
    if (text === ')') depth--
    tokens.push({ word: text.toLowerCase(), start, depth })
    if (text === '(') depth++
  }
  while (tokens.at(-1)?.word === ';') tokens.pop()
  return tokens
}
