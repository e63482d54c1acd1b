import { windowAt } from '../../config/recurring.ts'
import type { Plan } from '../../core/plan.ts'
import type { Database } from '../../history/database.ts'
import { readActiveMaintenance, type MaintenanceScope, type StoredMaintenance } from '../../history/maintenance.ts'
import { connectionsOfPlan } from '../detection/spec.ts'
import type { Engine } from '../engine.ts'

/** The maintenance window because of which a report opens no incident now. */
export interface Covering {
  reason: string
  endsAt: Date
}

/** After this time, every process knows a maintenance window that was started or ended. */
const CACHE_MS = 1_000

const cached = new WeakMap<Database, { at: number; rows: Promise<StoredMaintenance[]> }>()

/** The maintenance window that covers a runbook now; undefined if there is none. */
export async function coveringMaintenance(
  { database, config }: Pick<Engine, 'database' | 'config'>,
  plan: Plan,
): Promise<Covering | undefined> {
  const now = new Date()
  const active: (MaintenanceScope & Covering)[] = await activeRows(database)
  const recurring = config.maintenance.flatMap((one) => {
    const window = windowAt(one, now)
    return window && window.startsAt <= now ? [{ ...one, endsAt: window.endsAt }] : []
  })
  const found = [...active, ...recurring].find((one) => covers(one, plan))
  return found && { reason: found.reason, endsAt: found.endsAt }
}

/** The windows are read once for all alerts of a delivery, because alerts may arrive by the thousand. */
function activeRows(database: Database): Promise<StoredMaintenance[]> {
  const known = cached.get(database)
  if (known && performance.now() - known.at < CACHE_MS) return known.rows
  const rows = readActiveMaintenance(database)
  cached.set(database, { at: performance.now(), rows })
  rows.catch(() => cached.delete(database))
  return rows
}

/** Makes a change known to this process at once. */
export function forgetCachedMaintenance(database: Database): void {
  cached.delete(database)
}

export function covers({ runbook, connection }: MaintenanceScope, plan: Plan): boolean {
  if (runbook !== null) return plan.name === runbook
  return connection === null || connectionsOfPlan(plan).includes(connection)
}

export function heldText({ reason, endsAt }: Covering): string {
  return `maintenance lasts until ${endsAt.toISOString()}: ${reason}`
}
