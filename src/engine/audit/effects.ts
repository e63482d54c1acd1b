import { ACTION_IMPLEMENTATIONS } from '../../../activities/actions/action-table.ts'
import type { StoredEventOf } from '../../core/events.ts'
import type { Queryable } from '../../history/database.ts'
import { canonical } from '../../core/canonical.ts'
import { readStoredProposal } from '../../core/parse-proposal.ts'
import { connectionsOf } from '../../gate/breaker.ts'
import { differing, isBetween, isNear, type Recorded } from './recorded.ts'

const keyOf = (gate: unknown, action: unknown, target: unknown) => JSON.stringify([gate, action, target])

interface EffectRow {
  gate: string
  action: string
  target: string
  result: string
  detail: string
  observed: string | null
  at: Date
}

/** Compares each effect with the last event that recorded or settled it. */
export async function effectFaults(db: Queryable, { incident, events, fault }: Recorded): Promise<void> {
  const found = await db.query<EffectRow>(
    `SELECT e.* FROM runbook.effects e JOIN runbook.gates g ON g.id = e.gate WHERE g.incident = $1`,
    [incident],
  )
  const rows = new Map(found.rows.map((row) => [keyOf(row.gate, row.action, row.target), row]))
  const last = new Map<string, StoredEventOf<'effect' | 'settled'>>()
  for (const event of events.filter((one) => one.kind === 'effect' || one.kind === 'settled'))
    last.set(keyOf(event.data.gate, event.data.action, event.data.target), event)
  for (const [key, { seq, at, data }] of last) {
    const row = rows.get(key)
    rows.delete(key)
    const observed = data.observed === undefined ? null : canonical(data.observed)
    if (!row) fault('the effect is missing', seq)
    else if (
      differing({ ...row }, { result: data.result, detail: data.detail, observed }).length > 0 ||
      !isNear(row.at, at)
    )
      fault(`the effect of ${row.action} on ${row.target} differs from its event`, seq)
  }
  for (const key of rows.keys()) fault(`effect ${key} has no event`)
}

interface PermitRow {
  gate: string
  target: string
  remedy: string
  lease: string
  fence: string
  issued_at: Date
  renewed_at: Date | null
  wanted: string
}

/** Compares permits with their events. A renewed permit has a higher fence than its event, because the event records the first fence. */
export async function permitFaults(db: Queryable, { incident, events, fault }: Recorded): Promise<void> {
  const found = await db.query<PermitRow>(
    `SELECT p.*, i.runbook || '/' || g.remedy AS wanted FROM runbook.permits p JOIN runbook.gates g ON g.id = p.gate
     JOIN runbook.incidents i ON i.id = g.incident WHERE g.incident = $1`,
    [incident],
  )
  const rows = new Map(found.rows.map((row) => [keyOf(row.gate, '', row.target), row]))
  for (const { seq, at, data } of events.filter((one) => one.kind === 'permit')) {
    const key = keyOf(data.gate, '', data.target)
    const row = rows.get(key)
    rows.delete(key)
    if (!row) fault('the permit is missing', seq)
    else if (
      row.lease !== data.lease ||
      (row.renewed_at === null ? Number(row.fence) !== data.fence : Number(row.fence) <= data.fence) ||
      row.remedy !== row.wanted ||
      !isNear(row.issued_at, at)
    )
      fault(`the permit for ${row.target} differs from its event`, seq)
  }
  for (const key of rows.keys()) fault(`permit ${key} has no event`)
}

/**
 * Checks intents. Intents have no events, so this checks that every effect without a ledger whose result was observed has an intent that
 * was recorded between the effect's permit and the effect. An intent whose effect was not observed cannot be verified.
 */
export async function intentFaults(db: Queryable, { incident, events, fault }: Recorded): Promise<void> {
  const found = await db.query<{ gate: string; action: string; target: string; at: Date }>(
    `SELECT i.* FROM runbook.intents i JOIN runbook.gates g ON g.id = i.gate WHERE g.incident = $1`,
    [incident],
  )
  const rows = new Map(found.rows.map((row) => [keyOf(row.gate, row.action, row.target), row]))
  const permits = new Map(
    events.filter((one) => one.kind === 'permit').map(({ data, at }) => [keyOf(data.gate, '', data.target), at]),
  )
  for (const { seq, at, data } of events.filter((one) => one.kind === 'effect')) {
    const { action } = data
    const { protocol } = ACTION_IMPLEMENTATIONS[action.slice(action.indexOf('-') + 1)] ?? {}
    if (protocol !== 'intent' || (data.result !== 'applied' && data.observed === undefined)) continue
    const row = rows.get(keyOf(data.gate, action, data.target))
    if (!row) fault(`the intent of ${action} on ${data.target} is missing`, seq)
    else if (!isBetween(row.at, permits.get(keyOf(data.gate, '', data.target)), at))
      fault(`the intent of ${action} on ${row.target} was not written between its permit and its effect`, seq)
  }
}

/** Compares the fence of each lease with the lease's last permit. The end of a lease is not recorded anywhere else. */
export async function leaseFaults(db: Queryable): Promise<string[]> {
  const found = await db.query<{ name: string }>(
    `SELECT l.name FROM runbook.leases l WHERE NOT EXISTS (
       SELECT FROM runbook.permits p WHERE p.lease = l.name AND p.gate = l.holder AND p.fence = l.fence)
     UNION
     SELECT p.lease FROM runbook.permits p WHERE NOT EXISTS (
       SELECT FROM runbook.leases l WHERE l.name = p.lease AND l.fence >= p.fence)
     ORDER BY 1`,
  )
  return found.rows.map(({ name }) => `lease ${name} differs from its last permit`)
}

/** Compares verdicts, which the breakers count, with their events. A gate has one verdict for each connection that its remedy wrote to. */
export async function verdictFaults(db: Queryable, { incident, events, fault }: Recorded): Promise<void> {
  const found = await db.query<{ gate: string; connection: string; held: boolean; at: Date }>(
    `SELECT v.* FROM runbook.verdicts v JOIN runbook.gates g ON g.id = v.gate WHERE g.incident = $1`,
    [incident],
  )
  const rows = new Map(found.rows.map((row) => [keyOf(row.gate, '', row.connection), row]))
  const gates = await db.query<{ id: string; round: number; proposal: string }>(
    'SELECT id, round, proposal FROM runbook.gates WHERE incident = $1',
    [incident],
  )
  // An undo has no verification, so it has no verdict.
  for (const { seq, at, data } of events.filter((one) => one.kind === 'verified')) {
    if (data.unseen) continue
    const gate = gates.rows.find(({ round }) => round === data.round)
    const proposal = gate && readStoredProposal(gate.proposal)
    // A gate that is missing or was changed is reported as a fault elsewhere, so it is left out here.
    for (const connection of proposal ? connectionsOf(proposal) : []) {
      const key = keyOf(gate!.id, '', connection)
      const row = rows.get(key)
      rows.delete(key)
      if (!row || row.held !== data.held || !isNear(row.at, at))
        fault(`the verdict for ${connection} differs from its event`, seq)
    }
  }
  for (const key of rows.keys()) fault(`verdict ${key} has no event`)
}
