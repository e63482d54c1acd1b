import type { Connection, FieldDef, PoolClient, Submittable } from 'pg'

/** The part of a result that has arrived, in the form in which the server sends it: one text per column. */
export interface ReadRows {
  /** The columns of the result; empty for a statement that returns no rows. */
  fields: FieldDef[]
  rows: (string | null)[][]
}

export interface ReadStatement {
  sql: string
  params: (string | null)[]
  /** Statements that begin the transaction and set its limits. */
  begin: string[]
}

const PORTAL = 'rows'

/**
 * Opens a READ ONLY transaction with one statement of the extended protocol, and adds its first rows to `found`, in a
 * single round trip, because round trips take most of a check's time. Returns whether these were all rows. The caller
 * ends the transaction. Rejects with the server's error; `found` then has the rows that arrived before it.
 */
export function openPortal(
  client: PoolClient,
  { sql, params, begin }: ReadStatement,
  count: number,
  found: ReadRows,
): Promise<boolean> {
  return exchange(client, found, (connection) => {
    for (const statement of begin) execute(connection, statement)
    connection.parse({ name: '', text: sql, types: [] }, true)
    connection.bind({ portal: PORTAL, values: params }, true)
    connection.describe({ type: 'P', name: PORTAL }, true)
    fetchRows(connection, count)
  })
}

/** Adds the next rows of the open portal to `found`. Returns whether no rows are left. */
export function readNextRows(client: PoolClient, count: number, found: ReadRows): Promise<boolean> {
  return exchange(client, found, (connection) => fetchRows(connection, count))
}

function execute(connection: Connection, sql: string): void {
  connection.parse({ name: '', text: sql, types: [] }, true)
  connection.bind({}, true)
  connection.execute({}, true)
}

function fetchRows(connection: Connection, count: number): void {
  // The types declare a string, but the protocol needs a number.
  connection.execute({ portal: PORTAL, rows: count as unknown as string }, true)
}

function exchange(client: PoolClient, found: ReadRows, send: (connection: Connection) => void): Promise<boolean> {
  return new Promise((resolve, reject) => {
    client.query(new Exchange(found, send, resolve, reject))
  })
}

/** Messages that are sent together, and their answers. The client calls this object in the same way as its own queries. */
class Exchange implements Submittable {
  readonly #found: ReadRows
  readonly #send: (connection: Connection) => void
  readonly #resolve: (ended: boolean) => void
  readonly handleError: (error: Error) => void
  #ended = true

  constructor(
    found: ReadRows,
    send: (connection: Connection) => void,
    resolve: (ended: boolean) => void,
    reject: (error: Error) => void,
  ) {
    this.#found = found
    this.#send = send
    this.#resolve = resolve
    this.handleError = reject
  }

  submit(connection: Connection): void {
    connection.stream.cork()
    this.#send(connection)
    connection.sync()
    connection.stream.uncork()
  }

  handleRowDescription({ fields }: { fields: FieldDef[] }): void {
    this.#found.fields = fields
  }

  handleDataRow({ fields }: { fields: (string | null)[] }): void {
    this.#found.rows.push(fields)
  }

  handlePortalSuspended(): void {
    this.#ended = false
  }

  handleReadyForQuery(): void {
    this.#resolve(this.#ended)
  }

  handleCommandComplete(): void {}
  handleEmptyQuery(): void {}
  handleCopyData(): void {}
  handleCopyInResponse(connection: Connection & { sendCopyFail(why: string): void }): void {
    connection.sendCopyFail('a check sends no data')
  }
}
