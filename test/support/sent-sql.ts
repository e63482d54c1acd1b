import pg from 'pg'

interface Wire {
  parse(query: { text: string }, more: boolean): void
  query(text: string): void
}

/** Collects all SQL texts that this process sends, in both protocols, until `stop`. */
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
