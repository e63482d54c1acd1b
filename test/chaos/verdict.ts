import { auditHistory } from '../../src/engine/audit/audit.ts'
import type { Opened } from './traffic.ts'
import type { ChaosWorld } from './world.ts'

/** What became of incidents under a fault. */
export interface Verdict {
  incidents: number
  resolved: number
  /** Accepted, and not closed, or not known any more. */
  lost: string[]
  /** Targets that were changed more than once, counted in the target itself. */
  twice: string[]
  /** Targets of resolved incidents that were not changed; effects that say `applied` where nothing was. */
  untouched: string[]
  /** What `runbook audit verify` finds. */
  chains: string[]
  /** Of all takings-over, the longest time from the start of a worker to the incident's next event, in seconds. */
  slowestResume: number
  /** How those ended that were not resolved. */
  others: string[]
}

/** Where a fault kills: from `diedAt` on nothing moves, until a process that was started at `startedAt` takes it over. */
export interface Restart {
  diedAt: number
  startedAt: number
}

interface Incident {
  id: string
  outcome: string | null
  reason: string | null
}

export async function judge(world: ChaosWorld, opened: Opened[], restarts: Restart[] = []): Promise<Verdict> {
  const ids = opened.map((one) => one.incident)
  const found = await world.engine.database.query<Incident>(
    'SELECT id, outcome, reason FROM runbook.incidents WHERE id = ANY ($1)',
    [ids],
  )
  const known = new Map(found.rows.map((row) => [row.id, row]))
  const resolved = opened.filter(({ incident }) => known.get(incident)?.outcome === 'resolved')
  const touched = await touchedTimes(world)
  const claimed = new Set([...resolved.flatMap(({ targets }) => targets), ...(await appliedTargets(world, ids))])
  const faults = (await auditHistory(world.engine.database, world.engine.keyring)).faults
  return {
    incidents: opened.length,
    resolved: resolved.length,
    lost: ids.filter((id) => !known.get(id)?.outcome),
    twice: opened.flatMap(({ targets }) => targets).filter((id) => (touched.get(id) ?? 0) > 1),
    untouched: opened.flatMap(({ targets }) => targets).filter((id) => claimed.has(id) && !touched.get(id)),
    chains: faults.map(({ incident, seq, what }) => `${incident} ${seq}: ${what}`),
    slowestResume: await slowestOf(world, ids, restarts),
    others: found.rows
      .filter((row) => row.outcome !== 'resolved')
      .map((row) => `${row.id} ${row.outcome}: ${row.reason}`),
  }
}

const RESUMES_WITHIN_S = 60
const LEAST_RESOLVED = 0.95

/** In words; none where everything was kept. */
export function brokenPromises(verdict: Verdict): string[] {
  const { incidents, resolved, lost, twice, untouched, chains, slowestResume } = verdict
  return [
    ...lost.map((id) => `${id} is lost`),
    ...twice.map((id) => `${id} was changed twice`),
    ...untouched.map((id) => `${id} was not changed`),
    ...chains,
    ...(resolved < LEAST_RESOLVED * incidents ? [`only ${resolved} of ${incidents} are resolved`] : []),
    ...(slowestResume > RESUMES_WITHIN_S ? [`the slowest went on after ${slowestResume} s`] : []),
  ]
}

export function print(what: string, { slowestResume: slowest, ...verdict }: Verdict): void {
  const { incidents, resolved, lost, twice, chains, others } = verdict
  console.log(
    `  ${what}: ${incidents} incidents, ${resolved} resolved, ${lost.length} lost, ${twice.length} twice, ` +
      `${chains.length} faults in the chains${slowest > 0 ? `, slowest resumption ${slowest.toFixed(1)} s` : ''}`,
  )
  for (const other of others) console.log(`    ${other}`)
}

async function touchedTimes({ maestro }: ChaosWorld): Promise<Map<string, number>> {
  const { rows } = await maestro.query<{ id: string; n: number }>(
    'SELECT id, count(*)::int AS n FROM touched GROUP BY id',
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

/** For every restart and every incident that was open when the process died: the time to the engine's next word about it. */
async function slowestOf({ engine }: ChaosWorld, incidents: string[], restarts: Restart[]): Promise<number> {
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
      // Struck again before it said a word: it is the later restart that it resumed after.
      const later = restarts[number + 1]
      if (isOpen && !(later && next.at > later.diedAt)) slowest = Math.max(slowest, next.at - startedAt)
    }
  }
  return slowest / 1_000
}

/** Of each open incident: the number of the last event that the engine, and no person, added to it. */
export async function lastWords({ engine }: ChaosWorld): Promise<Map<string, number>> {
  const { rows } = await engine.database.query<{ id: string; seq: number }>(
    `SELECT i.id, coalesce(max(e.seq), 0)::int AS seq FROM runbook.incidents i
       LEFT JOIN runbook.events e ON e.incident = i.id AND e.body::jsonb->>'actor' = 'engine'
     WHERE i.closed_at IS NULL GROUP BY i.id`,
  )
  return new Map(rows.map((row) => [row.id, row.seq]))
}
