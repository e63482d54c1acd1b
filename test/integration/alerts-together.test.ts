import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import type { Alert } from '../../src/core/alert.ts'
import { receiveAlerts } from '../../src/engine/alerts/receive-alerts.ts'
import { newIncident } from '../../src/engine/trigger.ts'
import { acceptAlert } from '../../src/history/accept-alert.ts'
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
