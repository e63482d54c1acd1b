import type { Queryable } from './database.ts'

const known = new WeakMap<Queryable, Promise<string>>()

/** This engine's id, which was created together with its database. It is read once for each pool of connections. */
export function engineId(database: Queryable): Promise<string> {
  let id = known.get(database)
  if (!id) {
    id = database.query<{ id: string }>('SELECT id FROM runbook.engine').then((found) => found.rows[0]!.id)
    known.set(database, id)
    id.catch(() => known.delete(database))
  }
  return id
}
