/** A token of a SQL statement. Between two tokens there are only spaces and operators. */
export interface SqlToken {
  kind: 'word' | 'quoted' | 'comment'
  /** The text of the token in the statement. */
  text: string
  start: number
  end: number
}

const TOKEN =
  /--[^\n]*|\/\*|\$([A-Za-z_][A-Za-z0-9_]*)?\$|[eE]'|'|"|\$[0-9]+|[A-Za-z_][A-Za-z0-9_$]*|[0-9]+(?:\.[0-9]+)?|[();.,]/g

/**
 * The words, numbers, parameters (`$1`), punctuation, quoted strings and names, and comments of a statement, in order. It follows
 * PostgreSQL's rules of quoting but does not know the grammar. An unclosed quote or comment extends to the end.
 */
export function sqlTokens(sql: string): SqlToken[] {
  const tokens: SqlToken[] = []
  TOKEN.lastIndex = 0
  for (let match = TOKEN.exec(sql); match; match = TOKEN.exec(sql)) {
    const start = match.index
    const { kind, end } = tokenEnd(sql, match[0], start)
    tokens.push({ kind, text: sql.slice(start, end), start, end })
    TOKEN.lastIndex = end
  }
  return tokens
}

function tokenEnd(sql: string, opening: string, at: number): { kind: SqlToken['kind']; end: number } {
  const after = at + opening.length
  if (opening.startsWith('--')) return { kind: 'comment', end: after }
  if (opening === '/*') return { kind: 'comment', end: endOfComment(sql, after) }
  if (opening === "'" || opening === '"') return { kind: 'quoted', end: endOf(sql, opening, after) }
  if (opening === "e'" || opening === "E'") return { kind: 'quoted', end: endOfEscaped(sql, after) }
  if (/^\$([A-Za-z_][A-Za-z0-9_]*)?\$$/.test(opening)) return { kind: 'quoted', end: endOf(sql, opening, after) }
  return { kind: 'word', end: after }
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

/** The index after a comment. Comments can be nested in PostgreSQL. */
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

/** The number of a parameter, such as 2 for `$2`. */
export function parameterNumber({ kind, text }: SqlToken): number | undefined {
  return kind === 'word' && text.startsWith('$') ? Number(text.slice(1)) : undefined
}
