import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import type { Alert } from '../../src/core/alert.ts'
import { receiveAlerts } from '../../src/engine/alerts/receive-alerts.ts'
import { newIncident } from '../../src/engine/trigger.ts'
import { acceptAlert } from '../../src/history/accept-alert.ts'
import { ALERT_EVENTS } from '../../src/history/alerts.ts'
import { openDatabase } from '../../src/history/database.ts'
import { openHttpWorld, type HttpWorld } from './http-world.ts'

let world: HttpWorld
beforeAll(async () => {
  world = await openHttpWorld(inject('stack'), {
    alerts: '[{ match: { alertname: RunStuck }, incident: test-run, inputs: { run: labels.run_id } }]',
  })
})
afterAll(() => world?.close())

const alertOf = (run: string, host: number) => ({
  ...{ status: 'firing', fingerprint: `${run}-${host}`, annotations: {}, startsAt: '2026-03-14T03:00:00Z' },
  labels: { alertname: 'RunStuck', run_id: run, host: String(host) },
})

const storedOf = async (prefix: string) =>
  (
    await world.engine.database.query<{ key: string; occurrences: number; alerts: number; deliveries: number }>(
      `SELECT i.key, i.occurrences, count(*)::int AS alerts, sum(a.deliveries)::int AS deliveries
       FROM runbook.incidents i JOIN runbook.alerts a ON a.incident = i.id WHERE i.key LIKE $1 GROUP BY i.key, i.occurrences ORDER BY i.key`,
      [`test-run/${prefix}%`],
    )
  ).rows

test('two processes that receive the same alerts in another order do not wait for each other, and count each alert twice', async () => {
  const GROUPS = 10
  const alerts = Array.from({ length: 300 }, (_, i) => alertOf(`both-${i % GROUPS}`, i))
  const other = openDatabase(world.databaseUrl, { name: 'another process' })
  try {
    const deliver = (database: typeof other, some: typeof alerts) =>
      receiveAlerts({ ...world.engine, database }, 'alertmanager', JSON.stringify({ version: '4', alerts: some }))
    const answers = await Promise.all([deliver(world.engine.database, alerts), deliver(other, alerts.toReversed())])
    const results = answers.flatMap((answer) => answer.alerts.map(({ result }) => result))
    expect(results.filter((result) => result === 'opened')).toHaveLength(GROUPS)
    expect(new Set(results)).toEqual(new Set(['opened', 'joined', 'repeated']))
    const deadlocks = 'SELECT deadlocks::int AS n FROM pg_stat_database WHERE datname = current_database()'
    expect((await other.query<{ n: number }>(deadlocks)).rows[0]!.n).toBe(0)
    expect(await storedOf('both-')).toEqual(
      Array.from({ length: GROUPS }, (_, i) => ({
        ...{ key: `test-run/both-${i}`, occurrences: 60, alerts: 30, deliveries: 60 },
      })),
    )
  } finally {
    await other.end()
  }
})

test('an alert that the database refuses does not keep those that are accepted with it', async () => {
  const { incident, quietMs } = await newIncident(world.engine, {
    ...{ type: 'test-run', inputs: { run: 'mixed' }, requester: 'alert:alertmanager' },
  })
  const accept = (host: number, change: Partial<Alert> = {}) => {
    const alert = { ...alertOf('mixed', host), source: 'alertmanager', url: null, ...change } as Alert
    return acceptAlert(world.engine.database, alert, { ...incident, quietMs }, undefined)
  }
  const settled = await Promise.allSettled([
    ...[1, 2, 3].map((host) => accept(host)),
    accept(4, { startsAt: 'not a time' }),
    ...[5, 6].map((host) => accept(host)),
  ])
  expect(settled.map(({ status }) => status)).toEqual([
    ...['fulfilled', 'fulfilled', 'fulfilled', 'rejected', 'fulfilled', 'fulfilled'],
  ])
  expect(await storedOf('mixed')).toMatchObject([{ occurrences: 5, alerts: 5 }])
})

/** Receives alerts as one delivery and returns each result with its count. */
const receive = async (alerts: ReturnType<typeof alertOf>[]) =>
  (await receiveAlerts(world.engine, 'alertmanager', JSON.stringify({ version: '4', alerts }))).alerts.map(
    ({ result, occurrences }) => ({ result, occurrences }),
  )

test('new, known and repeated alerts of one delivery are each counted once, and only the first are events', async () => {
  // Either of the two may open the incident, because they are received at the same time.
  const first = await receive([alertOf('bulk', 0), alertOf('bulk', 1)])
  expect(first.toSorted((a, b) => a.occurrences! - b.occurrences!)).toEqual([
    { result: 'opened', occurrences: 1 },
    { result: 'joined', occurrences: 2 },
  ])
  const many = Array.from({ length: 70 }, (_, host) => alertOf('bulk', host))
  const answers = await receive([...many, alertOf('bulk', 5)])
  // Two alerts are known, and one occurs twice. The others are new.
  expect(answers.filter(({ result }) => result === 'repeated')).toHaveLength(3)
  expect(answers.filter(({ result }) => result === 'joined')).toHaveLength(68)
  expect(answers.map(({ occurrences }) => occurrences!).toSorted((a, b) => a - b)).toEqual(
    Array.from({ length: 71 }, (_, i) => i + 3),
  )
  expect(await storedOf('bulk')).toEqual([{ key: 'test-run/bulk', occurrences: 73, alerts: 70, deliveries: 73 }])
  const events = await world.engine.database.query<{ labels: string }>(
    `SELECT body::json -> 'data' -> 'labels' ->> 'host' AS labels FROM runbook.events e JOIN runbook.incidents i ON i.id = e.incident
     WHERE i.key = 'test-run/bulk' AND body LIKE '%"kind":"alert"%'`,
  )
  expect(events.rows).toHaveLength(ALERT_EVENTS)
})

test('new alerts of a quiet key are counted together, and open nothing', async () => {
  await receive([alertOf('hushed', 0)])
  await world.engine.database.query(
    `UPDATE runbook.incidents SET state = 'closed', outcome = 'no-action', closed_at = clock_timestamp() WHERE key = 'test-run/hushed'`,
  )
  const answers = await receive([1, 2, 3].map((host) => alertOf('hushed', host)))
  expect(answers.toSorted((a, b) => a.occurrences! - b.occurrences!)).toEqual(
    [2, 3, 4].map((occurrences) => ({ result: 'quiet', occurrences })),
  )
  expect(await storedOf('hushed')).toMatchObject([{ occurrences: 4, alerts: 4 }])
})
