import { sqlTokens } from '../sql-tokens.ts'

/** The privileges that a statement needs on one table. */
export interface NeededPrivileges {
  /** The table as PostgreSQL reads its name: `runs` or `public.runs`. */
  table: string
  privileges: Set<Privilege>
  /** The place at which the statement names the table first. */
  start: number
  end: number
}

export type Privilege = 'select' | 'insert' | 'update' | 'delete'

interface Token {
  /** Returns a word in lower case, and a quoted name without its quotes. Other quoted text becomes empty. */
  word: string
  isName: boolean
  start: number
  end: number
}

/** Words after which UPDATE is part of another clause: FOR UPDATE, FOR NO KEY UPDATE. */
const LOCKS = new Set(['for', 'key'])
const STARTS_QUERY = new Set(['select', 'with', 'insert', 'update', 'delete', 'merge', 'values'])
const ENDS_FROM = new Set(
  'where group order limit returning on set when union intersect except having window'.split(' '),
)

/**
 * The privileges that a write needs, by table. Reads words and not the grammar, so it finds the tables that a statement names after
 * INTO, UPDATE, FROM, JOIN and USING, and nothing that a view, function or trigger uses.
 */
export function neededPrivileges(sql: string): NeededPrivileges[] {
  return new StatementReader(tokensOf(sql)).read()
}

/** A pair of parentheses, or the whole statement. */
interface Group {
  isQuery: boolean
  /** Whether another table follows a comma here. */
  inFrom: boolean
}

class StatementReader {
  readonly #tokens: Token[]
  readonly #commonTables: Set<string>
  readonly #found = new Map<string, NeededPrivileges>()
  readonly #groups: Group[] = [{ isQuery: true, inFrom: false }]
  /** The table that the last INSERT, UPDATE, DELETE or MERGE changes. */
  #target: Token | undefined

  constructor(tokens: Token[]) {
    this.#tokens = tokens
    this.#commonTables = commonTablesIn(tokens)
  }

  read(): NeededPrivileges[] {
    for (let i = 0; i < this.#tokens.length; i += 1) this.#readAt(i)
    return [...this.#found.values()]
  }

  #word(at: number): string {
    const token = this.#tokens[at]
    return token && !token.isName ? token.word : ''
  }

  #readAt(i: number): void {
    const word = this.#word(i)
    if (word === '(') this.#groups.push({ isQuery: STARTS_QUERY.has(this.#word(i + 1)), inFrom: false })
    else if (word === ')' && this.#groups.length > 1) this.#groups.pop()
    const group = this.#groups.at(-1)!
    if (ENDS_FROM.has(word)) group.inFrom = false
    if (word === 'conflict' || word === 'returning') this.#needOnTarget('select')
    const writes = this.#writeAt(i)
    if (writes !== undefined) return this.#change(writes.at, writes.privileges)
    if (group.isQuery && this.#opensFrom(i)) {
      group.inFrom = true
      this.#need(i + 1, ['select'])
    } else if (word === 'join' || (word === ',' && group.inFrom)) this.#need(i + 1, ['select'])
  }

  /** The words FROM and USING, except in IS DISTINCT FROM, EXTRACT(… FROM …) and DELETE FROM. */
  #opensFrom(i: number): boolean {
    const [before, word] = [this.#word(i - 1), this.#word(i)]
    return word === 'using' || (word === 'from' && before !== 'distinct' && before !== 'delete')
  }

  /** The table that is changed here, as the number of its token. -1 means the target of the statement. */
  #writeAt(i: number): { at: number; privileges: Privilege[] } | undefined {
    const [before, word, next] = [this.#word(i - 1), this.#word(i), this.#word(i + 1)]
    if (before === 'then' && (word === 'update' || word === 'delete' || word === 'insert'))
      return { at: -1, privileges: [word] }
    if (word === 'update' && before === 'do') return { at: -1, privileges: ['update'] }
    if (word === 'insert' && next === 'into') return { at: i + 2, privileges: ['insert'] }
    if (word === 'merge' && next === 'into') return { at: i + 2, privileges: ['select'] }
    // A condition reads columns of the table, and an UPDATE or DELETE without a condition is refused, so SELECT is needed.
    if (word === 'delete' && next === 'from') return { at: i + 2, privileges: ['delete', 'select'] }
    if (word === 'update' && !LOCKS.has(before)) return { at: i + 1, privileges: ['update', 'select'] }
    return undefined
  }

  #change(at: number, privileges: Privilege[]): void {
    if (at < 0) for (const one of privileges) this.#needOnTarget(one)
    else this.#target = this.#need(at, privileges)
  }

  #needOnTarget(privilege: Privilege): void {
    if (this.#target) this.#add(this.#target, [privilege])
  }

  /** Records that the table at this token is needed. Returns its name; undefined if no table is named there. */
  #need(from: number, privileges: Privilege[]): Token | undefined {
    const at = ['only', 'lateral'].includes(this.#word(from)) ? from + 1 : from
    const name = nameAt(this.#tokens, at)
    if (!name || name.isCall || this.#commonTables.has(name.token.word)) return undefined
    this.#add(name.token, privileges)
    return name.token
  }

  #add({ word: table, start, end }: Token, privileges: Privilege[]): void {
    const known = this.#found.get(table)
    if (!known) this.#found.set(table, { table, privileges: new Set(privileges), start, end })
    else for (const one of privileges) known.privileges.add(one)
  }
}

/** A name of one or two parts, as one token. */
function nameAt(tokens: Token[], at: number): { token: Token; isCall: boolean } | undefined {
  const first = tokens[at]
  if (!first || !isNamePart(first)) return undefined
  const second = tokens[at + 1]?.word === '.' ? tokens[at + 2] : undefined
  if (!second) return { token: first, isCall: tokens[at + 1]?.word === '(' && !isIntoColumns(tokens, at) }
  if (!isNamePart(second)) return undefined
  const token = { ...first, word: `${first.word}.${second.word}`, end: second.end }
  return { token, isCall: tokens[at + 3]?.word === '(' && !isIntoColumns(tokens, at) }
}

/** After INTO, the parentheses contain the columns. */
function isIntoColumns(tokens: Token[], at: number): boolean {
  return tokens[at - 1]?.word === 'into'
}

function isNamePart({ word, isName }: Token): boolean {
  return isName || /^[a-z_]/.test(word)
}

/** The names that WITH gives to queries: `name AS (`, `name AS MATERIALIZED (`, `name (columns) AS (`. */
function commonTablesIn(tokens: Token[]): Set<string> {
  const words = tokens.map(({ word, isName }) => (isName ? '' : word))
  if (!words.includes('with')) return new Set()
  const names = tokens.flatMap(({ word }, i) => {
    const as = words[i + 1] === '(' ? words.indexOf(')', i) + 1 : i + 1
    let open = as + 1
    if (words[open] === 'not') open += 1
    if (words[open] === 'materialized') open += 1
    return words[as] === 'as' && words[open] === '(' ? [word] : []
  })
  return new Set(names)
}

function tokensOf(sql: string): Token[] {
  return sqlTokens(sql).flatMap(({ kind, text, start, end }) => {
    if (kind === 'comment') return []
    const isName = kind === 'quoted' && text.startsWith('"')
    const word = isName ? text.slice(1, -1).replaceAll('""', '"') : kind === 'quoted' ? '' : text.toLowerCase()
    return [{ word, isName, start, end }]
  })
}
