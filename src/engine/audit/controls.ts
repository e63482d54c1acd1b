import { sha256Hex } from '../../core/canonical.ts'
import type { Queryable } from '../../history/database.ts'
import { about, objectOf } from './recorded.ts'

interface Link {
  seq: string
  at: string
  body: string
  prev: string
  hash: string
}

/** The chain of what turned freeze and breakers on and off, and that what is on is what it says. */
export async function controlFaults(db: Queryable): Promise<string[]> {
  const links = await db.query<Link>('SELECT seq, at, body, prev, hash FROM runbook.control_events ORDER BY seq')
  const faults: string[] = []
  const on = new Map<string, { person: unknown; reason: unknown; at: string }>()
  let [prev, seq] = ['', 0]
  for (const link of links.rows) {
    const hash = sha256Hex([link.prev, 'controls', link.seq, link.at, link.body].join('\n'))
    if (Number(link.seq) !== seq + 1 || link.prev !== prev)
      faults.push(`turn ${link.seq} does not follow the one before it`)
    if (hash !== link.hash) faults.push(`turn ${link.seq} was changed after it was written`)
    ;[prev, seq] = [link.hash, Number(link.seq)]
    const { control, on: turned, person, reason } = objectOf(link.body) ?? {}
    if (turned) on.set(String(control), { person, reason, at: link.at })
    else on.delete(String(control))
  }
  const rows = await db.query<{ name: string; person: string; reason: string; at: Date }>(
    'SELECT * FROM runbook.controls',
  )
  for (const { name, person, reason, at } of rows.rows) {
    const wanted = on.get(name)
    on.delete(name)
    if (!wanted || wanted.person !== person || wanted.reason !== reason || !about(at, wanted.at))
      faults.push(`${name} is on otherwise than it was turned`)
  }
  for (const name of on.keys()) faults.push(`${name} was turned on and is not`)
  return faults
}
