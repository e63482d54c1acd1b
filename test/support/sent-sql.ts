import pg from 'pg'

interface Wire {
  parse(query: { text: string }, more: boolean): void
  query(text: string): void
}

/** Every text of SQL that this process sends from now on, in either protocol, until `stop`. */
export function watchSql(): { texts: Set<string>; stop(): void } {
  const wire = (pg as unknown as { Connection: { prototype: Wire } }).Connection.prototype
  const { parse, query } = wire
  const texts = new Set<string>()
  wire.parse = function (statement, more) {
    texts.add(statement.text)
    parse.call(this, statement, more)
  }
  wire.query = function (text) {
    texts.add(text)
    query.call(this, text)
  }
  return { texts, stop: () => Object.assign(wire, { parse, query }) }
}
