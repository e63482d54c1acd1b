import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, inject, test } from 'vitest'
import { parseDocument, type Document } from 'yaml'
import { packageRoot } from '../../src/cli/installation/package-root.ts'
import type { DetectorView, IncidentSummary } from '../../src/engine/views/view-types.ts'
import { startMonitoring, type Monitoring } from '../support/prometheus.ts'
import { alertmanager, pathOf, prometheus, skipWithout, type Available } from '../support/server-programs.ts'
import { until } from './until.ts'
import { openWorld, type World } from './world.ts'

/** How long the healthy system is watched. For the whole test: `RUNBOOK_HEALTHY_MINUTES=10`. */
const MINUTES = Number(process.env.RUNBOOK_HEALTHY_MINUTES ?? 1)
const SAMPLE_SECONDS = 5
/** How many runs are in progress at any time. Two workers perform four steps at a time, so there are always jobs that wait. */
const IN_FLIGHT = 10
const HOOK_TOKEN = 'the-token-of-the-alertmanager'

/** Limits far below the defaults of the shipped runbooks, which a short test could not reach. */
const STRICT: Record<string, Record<string, unknown>> = {
  'stuck-runs': { threshold: '15s' },
  'queue-congestion': { length: 30, oldest: '15s' },
  'task-failures': { since: '1h' },
}

const RULES = [
  { alert: 'MaestroRunStuck', expr: 'maestro_workers == 0 or maestro_active_over_timeout > 0', for: '5s' },
  { alert: 'MaestroTaskFailures', expr: 'maestro_runs{status="FAILED"} > 0' },
  {
    alert: 'MaestroQueueCongested',
    expr: 'maestro_queue_length >= 30 or maestro_queue_oldest_waiting_age_seconds > 15 or maestro_queue_paused > 0',
  },
]

let programs: Available[]
let world: World
let monitoring: Monitoring | undefined

beforeAll(async () => {
  programs = [await prometheus(), await alertmanager()]
  world = await openWorld(inject('stack'), {
    runbooks: detectingRunbooks(),
    configure(config: Document) {
      // The copies replace the shipped runbooks.
      config.deleteIn(['runbooks', 0])
      config.setIn(['hooks'], { alertmanager: { bearer: '${HOOK_BEARER}' } })
    },
    env: { HOOK_BEARER: HOOK_TOKEN },
  })
  if (programs.some((one) => 'missing' in one)) return
  const [server, peer] = programs.map(pathOf)
  monitoring = await startMonitoring({
    ...{ prometheus: server!, alertmanager: peer!, peers: 1, rules: RULES, token: HOOK_TOKEN },
    hook: `${world.installation.env.RUNBOOK_URL}/v1/hooks/alertmanager`,
    metrics: `${world.installation.env.MAESTRO_URL}/metrics`,
  })
})
afterAll(async () => {
  await monitoring?.stop()
  await world?.close()
})
beforeEach((context) => skipWithout(context, ...programs))

/** The shipped runbooks with detection, and with the strict inputs as their defaults. */
function detectingRunbooks(): Record<string, string> {
  const folder = join(packageRoot(), 'runbooks')
  const files = readdirSync(folder).filter((name) => name.endsWith('.yaml') && !name.endsWith('.test.yaml'))
  return Object.fromEntries(files.map((name) => [name, detecting(readFileSync(join(folder, name), 'utf8'))]))
}

function detecting(text: string): string {
  const runbook = parseDocument(text)
  runbook.set('detect', runbook.createNode({ every: `${SAMPLE_SECONDS}s`, for: 2 }))
  const strict = STRICT[String(runbook.get('runbook'))]
  if (!strict) throw new Error(`STRICT has no inputs for the runbook ${String(runbook.get('runbook'))}`)
  for (const [input, value] of Object.entries(strict)) runbook.setIn(['inputs', input, 'default'], value)
  return String(runbook)
}

const listed = async <T>(argv: string[]) => JSON.parse((await world.runbook([...argv, '-o', 'json'])).out) as T
const incidents = () => listed<IncidentSummary[]>(['list'])
const detectors = () => listed<DetectorView[]>(['detect', 'list'])

async function count(sql: string): Promise<number> {
  return Number((await world.maestro.query<{ n: string }>(sql)).rows[0]!.n)
}

const WORKFLOWS = ['video', 'classify', 'thumbnail']

async function startRun(workflow: string): Promise<void> {
  const answer = await fetch(`${world.installation.env.MAESTRO_URL}/runs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ workflow, count: 1 }),
  })
  if (!answer.ok) throw new Error(`the run was not started: ${answer.status}`)
}

/**
 * Starts runs of all workflows in turn, so that the same number of them is always under way, until the time is over. Returns why samples
 * could not be read meanwhile.
 */
async function keepBusy(untilTime: number): Promise<string[]> {
  let started = 0
  const problems = new Set<string>()
  while (Date.now() < untilTime) {
    const missing =
      IN_FLIGHT - (await count(`SELECT count(*) AS n FROM runs WHERE status NOT IN ('COMPLETED', 'FAILED')`))
    for (let i = 0; i < missing; i += 1) await startRun(WORKFLOWS[(started += 1) % WORKFLOWS.length]!)
    for (const { last, runbook } of await detectors())
      if (last?.problem) problems.add(`${last.at} ${runbook}: ${last.problem}`)
    await new Promise((resolve) => setTimeout(resolve, 250))
  }
  return [...problems]
}

test(
  `a healthy system under load opens nothing in ${MINUTES} min while every runbook is sampled and Prometheus evaluates alert rules; then a fault opens one incident`,
  { timeout: 240_000 + MINUTES * 60_000 },
  async () => {
    await until('every runbook is sampled', async () => {
      const found = await detectors()
      return found.length === Object.keys(STRICT).length && found.every(({ samples }) => samples > 0) ? true : undefined
    })
    const before = new Map((await detectors()).map(({ runbook, samples }) => [runbook, samples]))
    const problems = await keepBusy(Date.now() + MINUTES * 60_000)

    const after = await detectors()
    for (const { runbook, samples, unreadable } of after) {
      const taken = samples - before.get(runbook)!
      expect(taken).toBeGreaterThan((MINUTES * 60) / SAMPLE_SECONDS / 2)
      // A check can time out on a machine that is too busy. Many such samples would mean that detection is blind.
      expect(unreadable / taken, `unreadable: ${problems.join('; ')}`).toBeLessThan(0.1)
    }
    const episodes = await world.engine.query('SELECT runbook, key FROM runbook.episodes')
    const alerts = await world.engine.query('SELECT fingerprint, labels FROM runbook.alerts')
    expect({ incidents: await incidents(), episodes: episodes.rows, alerts: alerts.rows }).toEqual({
      ...{ incidents: [], episodes: [], alerts: [] },
    })
    expect(world.slack.messages).toEqual([])
    const completed = await count(`SELECT count(*) AS n FROM runs WHERE status = 'COMPLETED'`)
    expect(completed).toBeGreaterThan(MINUTES * 15)
    console.log(`${completed} runs completed, ${after.reduce((sum, { samples }) => sum + samples, 0)} samples`)

    await world.fault('dependency-down')
    const [opened] = await until('an incident is open, and detection and the alert know it', async () => {
      const found = await incidents()
      const [episode] = (await detectors()).flatMap((one) => one.episode ?? [])
      const stored = await world.engine.query('SELECT FROM runbook.alerts WHERE incident IS NOT NULL')
      return found.length > 0 && episode?.incident && stored.rowCount! > 0 ? found : undefined
    })
    expect(opened).toMatchObject({ type: 'task-failure', occurrences: expect.any(Number) })
    expect(await incidents()).toHaveLength(1)
  },
)
