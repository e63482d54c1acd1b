import { afterAll, beforeAll, beforeEach, expect, inject, test, vi } from 'vitest'
import { serveStuckRuns, startMonitoring, type Monitoring, type StuckRuns } from '../support/prometheus.ts'
import { alertmanager, pathOf, prometheus, skipWithout, type Available } from '../support/server-programs.ts'
import { openHttpWorld, type HttpWorld } from './http-world.ts'

const TOKEN = 'the-token-of-the-alertmanager'

let programs: Available[]
let world: HttpWorld
let monitoring: Monitoring | undefined
let runs: StuckRuns
beforeAll(async () => {
  programs = [await prometheus(), await alertmanager()]
  world = await openHttpWorld(inject('stack'), {
    config: 'hooks: { alertmanager: { bearer: "${HOOK_BEARER}" } }\n',
    alerts: '[{ match: { alertname: RunStuck }, incident: test-run, inputs: { run: labels.run_id } }]',
    env: { HOOK_BEARER: TOKEN },
  })
  runs = await serveStuckRuns()
  if (programs.some((one) => 'missing' in one)) return
  const hook = `${world.api.url}/v1/hooks/alertmanager`
  const [server, peer] = programs.map(pathOf)
  monitoring = await startMonitoring({
    ...{ prometheus: server!, alertmanager: peer!, hook, token: TOKEN, metrics: runs.metrics, peers: 2 },
    rules: [
      {
        alert: 'RunStuck',
        expr: 'stuck_run == 1',
        labels: { severity: 'page' },
        annotations: { summary: 'run {{ $labels.run_id }} does not move' },
      },
    ],
  })
}, 300_000)
afterAll(async () => {
  await monitoring?.stop()
  runs?.close()
  await world?.close()
})
beforeEach((context) => skipWithout(context, ...programs))

interface Shown {
  id: string
  inputs: { run: string }
  occurrences: number
  requester: string
  alerts: { status: string; deliveries: number; labels: Record<string, string>; url: string; startsAt: string }[]
}

/** All incidents of a run, newest first. */
async function incidentsOf(run: string): Promise<Shown[]> {
  const { incidents } = (await world.call('GET', '/v1/incidents?limit=500')).json as { incidents: Shown[] }
  const own = incidents.filter(({ inputs }) => inputs.run === run)
  return Promise.all(own.map(async ({ id }) => (await world.call('GET', `/v1/incidents/${id}`)).json as Shown))
}

const eventually = <T>(look: () => Promise<T>) => vi.waitFor(look, { timeout: 40_000, interval: 250 })

test('a rule of a real Prometheus fires through two Alertmanagers: one incident, repeats are counted, the end is recorded', async () => {
  runs.set('run-1', true)
  const repeated = await eventually(async () => {
    const found = await incidentsOf('run-1')
    expect(found).toHaveLength(1)
    expect(found[0]!.occurrences).toBeGreaterThan(2)
    return found[0]!
  })
  expect(repeated).toMatchObject({ requester: 'alert:alertmanager' })
  expect(repeated.alerts).toHaveLength(1)
  expect(repeated.alerts[0]).toMatchObject({
    status: 'firing',
    labels: { alertname: 'RunStuck', run_id: 'run-1', severity: 'page' },
    url: expect.stringContaining('/graph?g0.expr='),
  })
  runs.set('run-1', false)
  await eventually(async () => {
    const [incident] = await incidentsOf('run-1')
    expect(incident!.alerts[0]!.status).toBe('resolved')
  })
  expect(await incidentsOf('run-1')).toHaveLength(1)
})

test('after one of the Alertmanagers has died, the other one delivers', async () => {
  await monitoring!.stopPeer()
  runs.set('run-2', true)
  await eventually(async () => expect(await incidentsOf('run-2')).toHaveLength(1))
})
