import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { packageRoot } from '../src/cli/installation/package-root.ts'
import type { AlertServerRequest } from './alert-server.ts'
import { median } from './measure.ts'
import { HOOK_BEARER, machine, withServers, type BenchServers } from './servers.ts'

const ALERTS = 10_000
const GROUPS = 50
const ROUNDS = 3
const IN_FLIGHT = 20
const STEADY_PER_SECOND = 100
const STEADY_SECONDS = 30
/** The goals. */
const MIN_RATIO = 0.5
const MAX_P99_MS = 300

const SERVER = fileURLToPath(new URL('./alert-server.js', import.meta.url))
const HOOK = '/v1/hooks/alertmanager'

/**
 * `npm run bench:alerts`: a storm of 10,000 alerts in 50 groups, compared with a server that only stores them; then a steady stream. Prints the results on stdout. Returns 1 if a goal is missed or an alert is lost.
 */
export async function main(): Promise<number> {
  const log = (line: string) => console.error(line)
  return withServers('memory', log, async (servers) => {
    const engine = await startServer(servers, { servers, config: writeConfig(servers.dir) })
    const plain = await startServer(servers, { servers })
    const database = new pg.Pool({ connectionString: servers.engineUrl, max: 1 })
    servers.onClose(() => database.end())
    const shapes = { grouped: [] as Rates[], single: [] as Rates[] }
    let isComplete = true
    for (let round = 1; round <= ROUNDS; round += 1)
      for (const [shape, rates] of Object.entries(shapes)) {
        const name = `${shape} ${round}`
        const bodies = shape === 'grouped' ? groupedDeliveries(name) : singleDeliveries(name)
        const rate = { plain: await storm(plain, bodies), engine: await storm(`${engine}${HOOK}`, bodies) }
        const stored = await readStored(database, name)
        isComplete &&= stored.incidents === GROUPS && stored.alerts === ALERTS && stored.occurrences === ALERTS
        rates.push(rate)
        log(
          `${name}: ${rate.engine.toFixed(0)} alerts/s, plain ${rate.plain.toFixed(0)}/s; stored ${JSON.stringify(stored)}`,
        )
      }
    const ratio = ratioOf(shapes.grouped)
    const times = (await steady(`${engine}${HOOK}`)).toSorted((a, b) => a - b)
    const [p50, p99] = [times[Math.floor(times.length * 0.5)]!, times[Math.floor(times.length * 0.99)]!]
    console.log(`storm of ${ALERTS} alerts in ${GROUPS} groups, ${IN_FLIGHT} deliveries at a time, ${ROUNDS} times:`)
    console.log(
      `  stored: ${isComplete ? `${GROUPS} incidents each time, no alert was lost` : 'NOT COMPLETE, see above'}`,
    )
    console.log(`  each group in one delivery: ${textOf(shapes.grouped)} (goal: at least ${MIN_RATIO})`)
    console.log(`  each alert in one delivery: ${textOf(shapes.single)}`)
    console.log(
      `${STEADY_PER_SECOND} alerts/s for ${STEADY_SECONDS} s: p50 ${p50.toFixed(0)} ms, p99 ${p99.toFixed(0)} ms, slowest ${times.at(-1)!.toFixed(0)} ms (goal: p99 at most ${MAX_P99_MS} ms)`,
    )
    console.log(machine())
    return isComplete && ratio >= MIN_RATIO && p99 <= MAX_P99_MS ? 0 : 1
  })
}

interface Rates {
  engine: number
  plain: number
}

function ratioOf(rates: Rates[]): number {
  return median(rates.map((rate) => rate.engine / rate.plain))
}

function textOf(rates: Rates[]): string {
  const [engine, plain] = [median(rates.map((rate) => rate.engine)), median(rates.map((rate) => rate.plain))]
  return `engine ${engine.toFixed(0)}/s, plain INSERT ${plain.toFixed(0)}/s, engine ÷ plain ${ratioOf(rates).toFixed(2)}`
}

function writeConfig(dir: string): string {
  const folder = join(dir, 'alerts')
  mkdirSync(join(folder, 'runbooks'), { recursive: true })
  writeFileSync(join(folder, 'runbooks', 'storm.yaml'), RUNBOOK)
  const config = readFileSync(join(packageRoot(), 'bench', 'runbook.config.yaml'), 'utf8')
  const file = join(folder, 'runbook.config.yaml')
  writeFileSync(file, config.replace(/^runbooks: .*$/m, 'runbooks: [runbooks]') + RECEIVING)
  return file
}

const RECEIVING = `hooks: { alertmanager: { bearer: '\${HOOK_BEARER}' } }
alerts:
  - { match: { alertname: Storm }, incident: storm, inputs: { group: labels.group } }
`
const RUNBOOK = `version: 1
runbook: storm
incident: storm
title: Many alerts of one group
owner: bench
inputs: { group: { type: string } }
key: storm/\${{ inputs.group }}
diagnose:
  seen:
    check: sql.query
    with: { connection: bench-db, sql: SELECT 1 AS n, columns: { n: int } }
causes:
  - { cause: seen, title: Something was seen, when: size(seen.rows) > 0, because: '\${{ size(seen.rows) }} rows', remedy: none }
escalate: { to: [bench], message: somebody has to look }
`

async function startServer(servers: BenchServers, asked: AlertServerRequest): Promise<string> {
  const child = fork(SERVER, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  servers.onClose(async () => {
    if (child.exitCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  })
  const { engineUrl, diagnosedUrl, temporal } = asked.servers
  const { address, namespace } = temporal
  child.send({ ...asked, servers: { engineUrl, diagnosedUrl, temporal: { address, namespace } } })
  const [url] = (await Promise.race([once(child, 'message'), once(child, 'exit').then(() => [undefined])])) as [string?]
  if (url === undefined) throw new Error('a server of the bench ended while it started')
  return url
}

/** As Alertmanager sends them: one delivery for each group. */
function groupedDeliveries(name: string): string[] {
  return Array.from({ length: GROUPS }, (_, group) =>
    delivery(Array.from({ length: ALERTS / GROUPS }, (__, i) => alertOf(name, group + i * GROUPS))),
  )
}

function singleDeliveries(name: string): string[] {
  return Array.from({ length: ALERTS }, (_, i) => delivery([alertOf(name, i)]))
}

function delivery(alerts: object[]): string {
  const group = { groupKey: '{}:{}', groupLabels: {}, commonLabels: {}, commonAnnotations: {} }
  return JSON.stringify({ version: '4', status: 'firing', receiver: 'runbooks', ...group, truncatedAlerts: 0, alerts })
}

function alertOf(name: string, number: number): object {
  const labels = { alertname: 'Storm', group: `${name}, group ${number % GROUPS}`, instance: `host-${number}` }
  return {
    ...{ status: 'firing', labels, annotations: { summary: `host-${number} does not answer` } },
    ...{ startsAt: '2026-03-14T03:00:00Z', endsAt: '0001-01-01T00:00:00Z' },
    generatorURL: 'http://prometheus.example.com/graph',
    fingerprint: `${name}-${number}`,
  }
}

function send(agent: Agent, url: string, body: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${HOOK_BEARER}` }
    const sent = request(url, {
      agent,
      method: 'POST',
      headers: { ...headers, 'content-length': Buffer.byteLength(body) },
    })
    sent.on('error', reject).on('response', (response) => {
      response.resume().on('end', () => {
        if (response.statusCode === 200) resolve()
        else reject(new Error(`${url} answered ${response.statusCode}`))
      })
    })
    sent.end(body)
  })
}

/** Sends the deliveries as fast as they are answered. Returns how many alerts were answered per second. */
async function storm(url: string, bodies: string[]): Promise<number> {
  const agent = new Agent({ keepAlive: true })
  const started = performance.now()
  const left = bodies.values()
  const lane = async () => {
    for (const body of left) await send(agent, url, body)
  }
  await Promise.all(Array.from({ length: IN_FLIGHT }, lane))
  agent.destroy()
  return ALERTS / ((performance.now() - started) / 1000)
}

/** Sends alerts at a fixed rate. Returns the time until each answer, counted from when the alert was due. */
async function steady(url: string): Promise<number[]> {
  const agent = new Agent({ keepAlive: true })
  const started = performance.now()
  const answers: Promise<number>[] = []
  for (let i = 0; i < STEADY_PER_SECOND * STEADY_SECONDS; i += 1) {
    const due = started + (i * 1000) / STEADY_PER_SECOND
    await sleep(Math.max(0, due - performance.now()))
    answers.push(send(agent, url, delivery([alertOf('steady', i)])).then(() => performance.now() - due))
  }
  const times = await Promise.all(answers)
  agent.destroy()
  return times
}

async function readStored(database: pg.Pool, name: string) {
  const { rows } = await database.query<{ incidents: number; occurrences: number; alerts: number }>(
    `SELECT count(*)::int AS incidents, sum(occurrences)::int AS occurrences,
       (SELECT count(*)::int FROM runbook.alerts WHERE fingerprint LIKE $1 || '-%' AND incident IS NOT NULL) AS alerts
     FROM runbook.incidents WHERE key LIKE 'storm/' || $1 || ',%'`,
    [name],
  )
  return rows[0]!
}
