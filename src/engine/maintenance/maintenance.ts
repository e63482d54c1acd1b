import { windowAt } from '../../config/recurring.ts'
import { RunbookError } from '../../core/errors.ts'
import { nearest } from '../../core/nearest.ts'
import type { Person } from '../../core/person.ts'
import type { Plan } from '../../core/plan.ts'
import { countHeldAlerts } from '../../history/held-alerts.ts'
import { countHeldEpisodes } from '../../history/detection-views.ts'
import {
  endMaintenanceRow,
  insertMaintenance,
  readLastMaintenance,
  readMaintenance,
  type MaintenanceScope,
  type StoredMaintenance,
} from '../../history/maintenance.ts'
import { decidingGroups, requireGroup } from '../deciding-groups.ts'
import type { Engine } from '../engine.ts'
import { isoTime } from '../views/iso-time.ts'
import type { MaintenanceList, MaintenanceView } from '../views/view-types.ts'
import { covers, forgetCachedMaintenance } from './covering.ts'

export interface MaintenanceRequest extends MaintenanceScope {
  forMs: number
  reason: string
}

/**
 * Starts a maintenance window: until it ends, alerts and detection open no incidents of the runbooks that it covers. People can still open
 * them. Members of the groups that approve the remedies of these runbooks may start it. Throws `RUNBOOK_NOT_FOUND`, `RUNBOOK_NOT_ALLOWED`.
 */
export async function startMaintenance(
  engine: Engine,
  person: Person,
  request: MaintenanceRequest,
): Promise<MaintenanceView> {
  requireKnown(engine, request)
  requireGroup(person, decidingGroups(coveredPlans(engine, request)), 'start this maintenance window')
  const stored = await insertMaintenance(engine.database, { ...request, person: person.name })
  forgetCachedMaintenance(engine.database)
  return storedView(stored)
}

/** Ends a maintenance window early. Throws `RUNBOOK_NOT_FOUND`, `RUNBOOK_NOT_ALLOWED`, `RUNBOOK_CONFLICT`. */
export async function endMaintenance(engine: Engine, person: Person, id: string): Promise<MaintenanceView> {
  const known = await readMaintenance(engine.database, id)
  if (!known)
    throw new RunbookError('RUNBOOK_NOT_FOUND', `no maintenance window ${id}; "runbook maintenance list" lists them`)
  requireGroup(person, [...decidingGroups(coveredPlans(engine, known))], 'end this maintenance window')
  const ended = await endMaintenanceRow(engine.database, id, person.name)
  if (!ended) throw new RunbookError('RUNBOOK_CONFLICT', `the maintenance window ${id} has ended already`)
  forgetCachedMaintenance(engine.database)
  return storedView(ended)
}

function coveredPlans({ catalogue }: Engine, scope: MaintenanceScope): Plan[] {
  const plans = [...catalogue.byName.values()].map(({ plan }) => plan)
  const covered = plans.filter((plan) => covers(scope, plan))
  // A runbook that was removed, or a connection that nothing uses, has no groups that could start the window.
  return covered.length > 0 ? covered : plans
}

function requireKnown({ catalogue, config }: Engine, { runbook, connection }: MaintenanceScope): void {
  if (runbook !== null) requireOne('runbook', runbook, [...catalogue.byName.keys()])
  if (connection !== null) requireOne('connection', connection, Object.keys(config.connections))
}

function requireOne(what: string, name: string, known: string[]): void {
  if (known.includes(name)) return
  const suggestion = nearest(name, known)
  const hint = suggestion ? `; did you mean ${suggestion}?` : ''
  throw new RunbookError('RUNBOOK_NOT_FOUND', `no ${what} ${name}${hint}`)
}

const MAX_LISTED = 50

/** The recurring windows of the configuration, and the latest windows that people started. */
export async function listMaintenance({
  database,
  config,
}: Pick<Engine, 'database' | 'config'>): Promise<MaintenanceList> {
  const now = new Date()
  const recurring = config.maintenance.flatMap(({ cron, timezone, reason, runbook, connection, forMs }) => {
    const window = windowAt({ cron, timezone, forMs }, now)
    if (!window) return []
    const times = { startsAt: isoTime(window.startsAt), endsAt: isoTime(window.endsAt) }
    const recurs = `${cron} (${timezone})`
    return [
      {
        id: null,
        recurs,
        runbook,
        connection,
        reason,
        person: null,
        ...times,
        endedBy: null,
        isActive: window.startsAt <= now,
      },
    ]
  })
  const stored = (await readLastMaintenance(database, MAX_LISTED)).map(storedView)
  return {
    maintenance: [...recurring, ...stored],
    heldAlerts: await countHeldAlerts(database),
    heldEpisodes: await countHeldEpisodes(database),
  }
}

function storedView(stored: StoredMaintenance): MaintenanceView {
  const { id, runbook, connection, reason, person, startsAt, endsAt, endedBy, endedAt } = stored
  const end = endedAt ?? endsAt
  return {
    ...{ id, recurs: null, runbook, connection, reason, person, endedBy },
    startsAt: isoTime(startsAt),
    endsAt: isoTime(end),
    isActive: endedAt === null && endsAt.getTime() > Date.now(),
  }
}
