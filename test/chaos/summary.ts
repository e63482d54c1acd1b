import { auditHistory } from '../../src/engine/audit/audit.ts'
import type { Opened } from './traffic.ts'
import type { ChaosWorld } from './world.ts'

/** The results of all incidents under a fault. */
export interface Summary {
  incidents: number
  resolved: number
  /** Ids of incidents that were accepted but are not closed or do not exist. */
  lost: string[]
  /** Targets that were changed more than once, according to `change_log` in the target's database. */
  changedTwice: string[]
  /** Targets of resolved incidents, or with the result `applied`, that were not changed. */
  unchanged: string[]
  /** Faults that `runbook audit verify` finds. */
  chainFaults: string[]
  /** The longest time in seconds from the start of a replacement worker to the next event of an open incident. */
  slowestResume: number
  /** Incidents with another outcome than resolved. */
  unresolved: string[]
}

/** A restart of the worker. From `diedAt` until `startedAt` no worker runs. */
export interface Restart {
  diedAt: number
  startedAt: number
}

interface Incident {
  id: string
  outcome: string | null
  reason: string | null
}

/** Compares the history, the ledger and the changes in the target. */
export async function evaluate(world: ChaosWorld, opened: Opened[], restarts: Restart[] = []): Promise<Summary> {
  const ids = opened.map((one) => one.incident)
  const found = await world.engine.database.query<Incident>(
    'SELECT id, outcome, reason FROM runbook.incidents WHERE id = ANY ($1)',
    [ids],
  )
  const known = new Map(found.rows.map((row) => [row.id, row]))
  const resolved = opened.filter(({ incident }) => known.get(incident)?.outcome === 'resolved')
  const changes = await changeCounts(world)
  const expectedChanges = new Set([
    ...resolved.flatMap(({ targets }) => targets),
    ...(await appliedTargets(world, ids)),
  ])
  const faults = (await auditHistory(world.engine.database, world.engine.keyring)).faults
  return {
    incidents: opened.length,
    resolved: resolved.length,
    lost: ids.filter((id) => !known.get(id)?.outcome),
    changedTwice: opened.flatMap(({ targets }) => targets).filter((id) => (changes.get(id) ?? 0) > 1),
    unchanged: opened.flatMap(({ targets }) => targets).filter((id) => expectedChanges.has(id) && !changes.get(id)),
    chainFaults: faults.map(({ incident, seq, what }) => `${incident} ${seq}: ${what}`),
    slowestResume: await slowestResumeSeconds(world, ids, restarts),
    unresolved: found.rows
      .filter((row) => row.outcome !== 'resolved')
      .map((row) => `${row.id} ${row.outcome}: ${row.reason}`),
  }
}

const MAX_RESUME_SECONDS = 60
const MIN_RESOLVED_RATIO = 0.95

/** Descriptions of the violated promises; empty if all were kept. */
export function violatedPromises(summary: Summary): string[] {
  const { incidents, resolved, lost, changedTwice, unchanged, chainFaults, slowestResume } = summary
  return [
    ...lost.map((id) => `${id} is lost`),
    ...changedTwice.map((id) => `${id} was changed twice`),
    ...unchanged.map((id) => `${id} was not changed`),
    ...chainFaults,
    ...(resolved < MIN_RESOLVED_RATIO * incidents ? [`only ${resolved} of ${incidents} are resolved`] : []),
    ...(slowestResume > MAX_RESUME_SECONDS ? [`the slowest incident continued after ${slowestResume} s`] : []),
  ]
}

export function printSummary(description: string, { slowestResume: slowest, ...summary }: Summary): void {
  const { incidents, resolved, lost, changedTwice, chainFaults, unresolved } = summary
  console.log(
    `  ${description}: ${incidents} incidents, ${resolved} resolved, ${lost.length} lost, ${changedTwice.length} targets changed twice, ` +
      `${chainFaults.length} faults in the chains${slowest > 0 ? `, slowest resumption ${slowest.toFixed(1)} s` : ''}`,
  )
  for (const other of unresolved) console.log(`    ${other}`)
}

async function changeCounts({ maestro }: ChaosWorld): Promise<Map<string, number>> {
  const { rows } = await maestro.query<{ id: string; n: number }>(
    'SELECT id, count(*)::int AS n FROM change_log GROUP BY id',
  )
  return new Map(rows.map((row) => [row.id, row.n]))
}

async function appliedTargets({ engine }: ChaosWorld, incidents: string[]): Promise<string[]> {
  const { rows } = await engine.database.query<{ target: string }>(
    `SELECT e.target FROM runbook.effects e JOIN runbook.gates g ON g.id = e.gate
     WHERE e.result = 'applied' AND g.incident = ANY ($1)`,
    [incidents],
  )
  return rows.map((row) => row.target)
}

/** For each restart and each incident that was open when the worker died: the time to the engine's next event of the incident. */
async function slowestResumeSeconds({ engine }: ChaosWorld, incidents: string[], restarts: Restart[]): Promise<number> {
  const { rows } = await engine.database.query<{ incident: string; at: number }>(
    `SELECT incident, extract(epoch FROM at::timestamptz)::float8 * 1000 AS at FROM runbook.events
     WHERE incident = ANY ($1) AND body::jsonb->>'actor' = 'engine' ORDER BY seq`,
    [incidents],
  )
  let slowest = 0
  for (const incident of incidents) {
    const events = rows.filter((row) => row.incident === incident)
    for (const [number, { diedAt, startedAt }] of restarts.entries()) {
      const next = events.find((event) => event.at > diedAt)
      const isOpen = next !== undefined && events[0]!.at < diedAt
      // If the worker died again before the next event, the incident continued after a later restart.
      const later = restarts[number + 1]
      if (isOpen && !(later && next.at > later.diedAt)) slowest = Math.max(slowest, next.at - startedAt)
    }
  }
  return slowest / 1_000
}

/** For each open incident: the sequence number of the last event whose actor is the engine. */
export async function lastEngineEvents({ engine }: ChaosWorld): Promise<Map<string, number>> {
  const { rows } = await engine.database.query<{ id: string; seq: number }>(
    `SELECT i.id, coalesce(max(e.seq), 0)::int AS seq FROM runbook.incidents i
       LEFT JOIN runbook.events e ON e.incident = i.id AND e.body::jsonb->>'actor' = 'engine'
     WHERE i.closed_at IS NULL GROUP BY i.id`,
  )
  return new Map(rows.map((row) => [row.id, row.seq]))
}
