import type { Person } from '../../core/person.ts'
import { readUndecidedGates, type GateRow } from '../../gate/gates.ts'
import { readPending } from '../../history/outbox.ts'
import { snapshot, type Queryable } from '../../history/database.ts'
import { listAnnounced, readIncident } from '../../history/incidents.ts'
import type { Engine } from '../engine.ts'
import { visiblePlans, type VisiblePlans } from '../visible.ts'
import { gateDeciders, type GateDeciders } from './deciders.ts'
import { isoTime } from './iso-time.ts'
import { listIncidents, summaryOf } from './list.ts'
import { gateView } from './show.ts'
import type { GateView, IncidentSummary } from './view-types.ts'

/** An open gate as one reader sees it. */
export interface WaitingGate extends UndecidedGate {
  deciders: GateDeciders
}

export interface UndecidedGate {
  incident: IncidentSummary
  gate: GateView
}

/** Everything that a person should know when they open the pages. */
export interface Inbox {
  /** Open gates that the reader may decide on and has not approved, oldest first. */
  mine: WaitingGate[]
  /** Open gates that wait for other people, oldest first. */
  others: WaitingGate[]
  /** Gates whose time to decide is over, as long as no worker has recorded this. */
  overdue: UndecidedGate[]
  /** The ids of open gates that cannot be shown because their proposals were changed. */
  unreadable: string[]
  /** Open incidents, newest first. */
  active: IncidentSummary[]
  /** Whether there are more open incidents or gates than are listed. */
  truncated: boolean
  /** Incidents of the last week that ended without being resolved, latest first. */
  escalated: IncidentSummary[]
  /** Messages that a channel has not accepted yet. */
  undelivered: { incident: string; channel: string; since: string; attempts: number }[]
}

const MAX_GATES = 50
const MAX_ACTIVE = 100
const MAX_ESCALATED = 20
const MAX_UNDELIVERED = 20

export async function inboxOf(engine: Pick<Engine, 'database' | 'people' | 'config'>, reader: Person): Promise<Inbox> {
  const plans = await visiblePlans(engine, reader)
  return snapshot(engine.database, async (db) => {
    const found = await readUndecidedGates(db, 'open', plans, MAX_GATES + 1, 'oldest')
    const late = await readUndecidedGates(db, 'overdue', plans, MAX_GATES + 1, 'oldest')
    const gates: WaitingGate[] = []
    for (const row of found.gates.slice(0, MAX_GATES))
      gates.push({ ...(await undecided(db, row)), deciders: await gateDeciders(db, engine, row, reader) })
    const overdue: UndecidedGate[] = []
    for (const row of late.gates.slice(0, MAX_GATES)) overdue.push(await undecided(db, row))
    const active = await listIncidents(db, { state: 'open', limit: MAX_ACTIVE + 1, plans })
    return {
      mine: gates.filter((one) => isMine(one, reader)),
      others: gates.filter((one) => !isMine(one, reader)),
      overdue,
      unreadable: [...found.unreadable, ...late.unreadable],
      active: active.slice(0, MAX_ACTIVE),
      truncated: active.length > MAX_ACTIVE || [found, late].some((list) => list.gates.length > MAX_GATES),
      escalated: (await listAnnounced(db, plans, MAX_ESCALATED)).map(summaryOf),
      undelivered: await undelivered(db, plans),
    }
  })
}

async function undecided(db: Queryable, row: GateRow): Promise<UndecidedGate> {
  const incident = await readIncident(db, row.incident)
  return { incident: summaryOf(incident), gate: await gateView(db, incident, row) }
}

function isMine({ gate, deciders }: WaitingGate, { name }: Person): boolean {
  if (deciders.mayNotApprove !== null) return false
  return !gate.decisions.some((one) => one.person === name && !one.withdrawn)
}

async function undelivered(db: Queryable, plans: VisiblePlans): Promise<Inbox['undelivered']> {
  return (await readPending(db, plans, MAX_UNDELIVERED)).map(({ since, ...one }) => ({ ...one, since: isoTime(since) }))
}
