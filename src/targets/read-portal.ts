import type { Connection, FieldDef, PoolClient, Submittable } from 'pg'

/** Some rows of a result, as the server sends them: one text per column. */
export interface Portion {
  /** Empty for a statement that returns no rows, and after the first portion. */
  fields: FieldDef[]
  rows: (string | null)[][]
  /** No rows are left. */
  ended: boolean
}

export interface ReadStatement {
  sql: string
  params: (string | null)[]
  /** Statements that begin the transaction and set its limits. */
  begin: string[]
}

const PORTAL = 'rows'

/**
 * Opens a READ ONLY transaction with one statement of the extended protocol, and reads its first rows, in a single round trip: most of
 * a check's time is its round trips. The caller ends the transaction. Rejects with the server's error.
 */
export function openPortal(client: PoolClient, { sql, params, begin }: ReadStatement, count: number) {
  return exchange(client, (connection) => {
    for (const statement of begin) execute(connection, statement)
    connection.parse({ name: '', text: sql, types: [] }, true)
    connection.bind({ portal: PORTAL, values: params }, true)
    connection.describe({ type: 'P', name: PORTAL }, true)
    fetchRows(connection, count)
  })
}

/** Reads the next rows of the open portal. */
export function readNextRows(client: PoolClient, count: number): Promise<Portion> {
  return exchange(client, (connection) => fetchRows(connection, count))
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

function exchange(client: PoolClient, send: (connection: Connection) => void): Promise<Portion> {
  return new Promise((resolve, reject) => {
    client.query(new Exchange(send, resolve, reject))
  })
}

/** Messages that are sent together, and their answers. The client calls this object in the same way as its own queries. */
class Exchange implements Submittable {
  readonly #send: (connection: Connection) => void
  readonly #resolve: (portion: Portion) => void
  readonly #portion: Portion = { fields: [], rows: [], ended: true }
  readonly handleError: (error: Error) => void

  constructor(
    send: (connection: Connection) => void,
    resolve: (portion: Portion) => void,
    reject: (error: Error) => void,
  ) {
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
    this.#portion.fields = fields
  }

  handleDataRow({ fields }: { fields: (string | null)[] }): void {
    this.#portion.rows.push(fields)
  }

  handlePortalSuspended(): void {
    this.#portion.ended = false
  }

  handleReadyForQuery(): void {
    this.#resolve(this.#portion)
  }

  handleCommandComplete(): void {}
  handleEmptyQuery(): void {}
  handleCopyData(): void {}
  handleCopyInResponse(connection: Connection & { sendCopyFail(why: string): void }): void {
    connection.sendCopyFail('a check sends no data')
  }
}
