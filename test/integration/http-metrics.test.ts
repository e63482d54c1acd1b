import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { IR_VERSION } from '../../src/core/plan.ts'
import { readMetrics } from '../../src/engine/views/metrics.ts'
import { closeIncident } from '../../src/history/close.ts'
import { beginOutage, endOutages } from '../../src/history/outages.ts'
import { reportWorker } from '../../src/history/workers.ts'
import { parseMetrics } from '../../activities/checks/parse-metrics.ts'
import { readFileSync } from 'node:fs'
import { openHttpWorld, openIncident, openTestGate, type HttpWorld } from './http-world.ts'

let world: HttpWorld
beforeAll(async () => {
  world = await openHttpWorld(inject('stack'))
})
afterAll(() => world?.close())

const valuesOf = async (name: string) => {
  const metric = (await readMetrics(world.engine.database)).find((one) => one.name === name)
  return metric!.samples.map(({ labels, value }) => [Object.values(labels)[0] ?? '', value])
}
const valueOf = async (name: string, label = '') =>
  Object.fromEntries(await valuesOf(name))[label] as number | undefined

describe('/metrics', () => {
  test('needs a token, and is text that the engine’s own check of metrics can read', async () => {
    expect((await world.call('GET', '/metrics', { as: null })).status).toBe(401)
    const answer = await world.call('GET', '/metrics', { as: 'reader' })
    expect(answer.status).toBe(200)
    expect(answer.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/)
    const names = (await readMetrics(world.engine.database)).map(({ name }) => name)
    expect(names.length).toBeGreaterThan(10)
    for (const name of names) expect(answer.text).toContain(`# HELP ${name} `)
    const { samples } = await parseMetrics(answer.text, new Set(['runbook_incidents', 'runbook_gates_open']))
    expect(samples.map(({ name }) => name)).toEqual([...Array(5).fill('runbook_incidents'), 'runbook_gates_open'])
  })

  test('is documented, metric by metric', async () => {
    const documented = [...readFileSync('docs/monitoring.md', 'utf8').matchAll(/^\| `(runbook_\w+)/gm)].map(
      ([, name]) => name,
    )
    expect(documented).toEqual((await readMetrics(world.engine.database)).map(({ name }) => name))
  })
})

describe('the metrics', () => {
  test('count open incidents by state and open gates, until they end', async () => {
    const [open, deciding] = [
      await valueOf('runbook_incidents', 'open'),
      await valueOf('runbook_incidents', 'deciding'),
    ]
    const gates = (await valueOf('runbook_gates_open'))!
    const id = await openIncident(world)
    expect(await valueOf('runbook_incidents', 'open')).toBe(open! + 1)
    await openTestGate(world, id)
    expect(await valueOf('runbook_incidents', 'open')).toBe(open)
    expect(await valueOf('runbook_incidents', 'deciding')).toBe(deciding! + 1)
    expect(await valueOf('runbook_gates_open')).toBe(gates + 1)
    expect(await valueOf('runbook_gates_oldest_seconds')).toBeGreaterThan(0)
    await closeIncident(world.engine.database, { incident: id, outcome: 'failed', reason: 'a test' })
    expect(await valueOf('runbook_incidents', 'deciding')).toBe(deciding)
    expect(await valueOf('runbook_gates_open')).toBe(gates)
  })

  test('count the incidents that wait for a connection, while they wait', async () => {
    const ids = [await openIncident(world), await openIncident(world)]
    for (const id of ids)
      await beginOutage(world.engine.database, id, {
        connection: 'db',
        why: 'it does not answer',
        stage: 'r1/check',
        waitMs: 60_000,
      })
    expect(await valuesOf('runbook_outage_incidents')).toEqual([['db', 2]])
    expect(await valueOf('runbook_outage_longest_seconds', 'db')).toBeGreaterThan(0)
    await endOutages(world.engine.database, ids[0]!, true)
    await endOutages(world.engine.database, ids[1]!, false)
    expect(await valuesOf('runbook_outage_incidents')).toEqual([])
  })

  test('count messages that a channel has not accepted', async () => {
    const id = await openIncident(world)
    await world.engine.database.query(
      `INSERT INTO runbook.outbox (incident, place, channel, ended_at, problem)
       VALUES ($1, 'r1/escalation', 'platform', NULL, NULL), ($1, 'closed', 'platform', now(), 'answered 500')`,
      [id],
    )
    expect(await valuesOf('runbook_undelivered_messages')).toEqual([['platform', 1]])
    expect(await valueOf('runbook_undelivered_oldest_seconds', 'platform')).toBeGreaterThan(0)
    expect(await valuesOf('runbook_given_up_messages')).toEqual([['platform', 1]])
  })

  test('show each worker with its stalls, and of two with one name the last', async () => {
    const report = (id: string, stalls: number) =>
      reportWorker(world.engine.database, {
        ...{ id, identity: '1@pod', irVersion: IR_VERSION },
        signingKeys: null,
        stalls: { count: stalls, maxMs: stalls * 1_000, last: { ms: 1_000, agoMs: 10 } },
      })
    await report('before', 7)
    await report('after', 2)
    expect(await valuesOf('runbook_worker_stalls_total')).toEqual([['1@pod', 2]])
    expect(await valuesOf('runbook_worker_longest_stall_seconds')).toEqual([['1@pod', 2]])
    expect(await valueOf('runbook_workers_running')).toBe(1)
    const { headers, text } = await (async () => world.call('GET', '/metrics'))()
    expect(headers.get('cache-control')).toBe('no-store')
    expect(text.match(/^runbook_worker_stalls_total\{/gm)?.length ?? 0).toBeLessThanOrEqual(1)
  })
})
