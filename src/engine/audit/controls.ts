import { sha256Hex } from '../../core/canonical.ts'
import { readStoredObject } from '../../core/stored-json.ts'
import type { Queryable } from '../../history/database.ts'
import { isNear } from './recorded.ts'

interface Link {
  seq: string
  at: string
  body: string
  prev: string
  hash: string
}

/** Verifies the event chain of the freeze and the breakers, and that the chain leads to the controls that are on now. */
export async function controlFaults(db: Queryable): Promise<string[]> {
  const links = await db.query<Link>('SELECT seq, at, body, prev, hash FROM runbook.control_events ORDER BY seq')
  const faults: string[] = []
  const on = new Map<string, { person: unknown; reason: unknown; at: string }>()
  let [prev, seq] = ['', 0]
  for (const link of links.rows) {
    const hash = sha256Hex([link.prev, 'controls', link.seq, link.at, link.body].join('\n'))
    if (Number(link.seq) !== seq + 1 || link.prev !== prev)
      faults.push(`event ${link.seq} is not linked to the event before it`)
    if (hash !== link.hash) faults.push(`event ${link.seq} was changed after it was written`)
    ;[prev, seq] = [link.hash, Number(link.seq)]
    const { control, on: turnedOn, person, reason } = readStoredObject(link.body) ?? {}
    if (turnedOn) on.set(String(control), { person, reason, at: link.at })
    else on.delete(String(control))
  }
  const rows = await db.query<{ name: string; person: string; reason: string; at: Date }>(
    'SELECT * FROM runbook.controls',
  )
  for (const { name, person, reason, at } of rows.rows) {
    const expected = on.get(name)
    on.delete(name)
    if (!expected || expected.person !== person || expected.reason !== reason || !isNear(at, expected.at))
      faults.push(`${name} differs from the event that turned it on`)
  }
  for (const name of on.keys()) faults.push(`${name} was turned on by an event, but is off`)
  return faults
}
