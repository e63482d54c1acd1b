import { readWaitedFor } from '../../history/outages.ts'
import { readOutbox } from '../../history/outbox.ts'
import { INCIDENT_STATES } from '../../core/incident.ts'
import { snapshot, type Database, type Queryable } from '../../history/database.ts'
import { readControls } from '../../gate/controls.ts'
import { countUndecidedGates } from '../../gate/gates.ts'
import { readRecentWorkers, RUNS_MS } from '../../history/workers.ts'

/** A metric of the installation: a value in the engine's database at one moment, for all processes together. */
export interface Metric {
  name: string
  help: string
  type: 'gauge' | 'counter'
  labels: string[]
  samples: { labels: Record<string, string>; value: number }[]
}

/**
 * Everything that a monitoring system can ask the engine. Throws if the engine's database cannot be read, because no value may be invented.
 */
export async function readMetrics(database: Database): Promise<Metric[]> {
  return snapshot(database, async (db) => [
    await openIncidents(db),
    ...(await waitingPeople(db)),
    ...(await outages(db)),
    ...(await undelivered(db)),
    await activeControls(db),
    ...(await workers(db)),
  ])
}

function gauge(name: string, help: string, samples: Metric['samples'] | number, labels: string[] = []): Metric {
  return {
    ...{ name, help, type: 'gauge', labels },
    samples: typeof samples === 'number' ? [{ labels: {}, value: samples }] : samples,
  }
}

async function openIncidents(db: Queryable): Promise<Metric> {
  const found = await db.query<{ state: string; count: number }>(
    'SELECT state, count(*)::int AS count FROM runbook.incidents WHERE closed_at IS NULL GROUP BY state',
  )
  const states = INCIDENT_STATES.filter((state) => state !== 'closed')
  const samples = states.map((state) => ({
    labels: { state },
    value: found.rows.find((row) => row.state === state)?.count ?? 0,
  }))
  return gauge('runbook_incidents', 'Open incidents by state.', samples, ['state'])
}

async function waitingPeople(db: Queryable): Promise<Metric[]> {
  const { open, oldestSeconds, overdue } = await countUndecidedGates(db)
  return [
    gauge('runbook_gates_open', 'Gates that wait for a decision.', open),
    gauge(
      'runbook_gates_oldest_seconds',
      'Age of the oldest gate that waits for a decision; 0 if none waits.',
      oldestSeconds,
    ),
    gauge(
      'runbook_gates_overdue',
      'Gates whose time to decide is over and for which no worker has recorded this yet.',
      overdue,
    ),
  ]
}

async function outages(db: Queryable): Promise<Metric[]> {
  const waited = await readWaitedFor(db)
  const by = (value: 'incidents' | 'longestSeconds') =>
    waited.map((row) => ({ labels: { connection: row.connection }, value: row[value] }))
  return [
    gauge(
      'runbook_outage_incidents',
      'Incidents that wait for a connection that is down. Connections that no incident waits for have no sample.',
      by('incidents'),
      ['connection'],
    ),
    gauge(
      'runbook_outage_longest_seconds',
      'Longest time for which an incident has waited for this connection.',
      by('longestSeconds'),
      ['connection'],
    ),
  ]
}

async function undelivered(db: Queryable): Promise<Metric[]> {
  const found = await db.query<{ channel: string; count: number; oldest: number }>(
    `SELECT channel, count(*)::int AS count, extract(epoch FROM clock_timestamp() - min(since))::float8 AS oldest
     FROM runbook.outbox WHERE ended_at IS NULL GROUP BY channel ORDER BY channel`,
  )
  const by = (value: 'count' | 'oldest') =>
    found.rows.map((row) => ({ labels: { channel: row.channel }, value: row[value] }))
  const givenUp = (await readOutbox(db)).givenUp.map(({ channel, messages }) => ({
    labels: { channel },
    value: messages,
  }))
  return [
    gauge(
      'runbook_undelivered_messages',
      'Messages that a channel has not accepted yet. Channels without such messages have no sample.',
      by('count'),
      ['channel'],
    ),
    gauge(
      'runbook_undelivered_oldest_seconds',
      'Age of the oldest message that this channel has not accepted yet.',
      by('oldest'),
      ['channel'],
    ),
    gauge(
      'runbook_given_up_messages',
      'Messages of the last day that a channel did not accept and that are no longer sent.',
      givenUp,
      ['channel'],
    ),
  ]
}

async function activeControls(db: Queryable): Promise<Metric> {
  const samples = (await readControls(db)).map(({ name }) => ({ labels: { control: name }, value: 1 }))
  const help = 'Controls that are on: freeze, breaker/<connection>. Controls that are off have no sample.'
  return gauge('runbook_control_on', help, samples, ['control'])
}

/** Each worker reports to the database every few seconds, so a worker needs no port. */
async function workers(db: Queryable): Promise<Metric[]> {
  // Workers that ended long ago are left out, because the name of each start of a worker is a label.
  const known = await readRecentWorkers(db)
  const by = (value: (worker: (typeof known)[number]) => number) =>
    known.map((worker) => ({ labels: { worker: worker.identity }, value: value(worker) }))
  const labels = ['worker']
  return [
    gauge(
      'runbook_workers_running',
      `Workers that reported within the last ${RUNS_MS / 1_000} seconds.`,
      known.filter(({ silentMs }) => silentMs <= RUNS_MS).length,
    ),
    gauge(
      'runbook_worker_report_age_seconds',
      'Time since a worker last reported, for workers that reported within an hour.',
      by(({ silentMs }) => silentMs / 1_000),
      labels,
    ),
    {
      ...gauge(
        'runbook_worker_stalls_total',
        'How often a worker stood still for a second or more since it started: suspended, without a processor, or busy with one task.',
        by(({ stalls }) => stalls),
        labels,
      ),
      type: 'counter',
    },
    gauge(
      'runbook_worker_longest_stall_seconds',
      'Longest time for which a worker stood still since it started.',
      by(({ maxStallMs }) => maxStallMs / 1_000),
      labels,
    ),
  ]
}
