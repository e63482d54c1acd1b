import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { request, type ClientRequest, type IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { packageRoot } from '../src/cli/installation/package-root.ts'
import { NO_POLICY } from '../src/core/policy.ts'
import type { Engine } from '../src/engine/engine.ts'
import { trigger } from '../src/engine/trigger.ts'
import { openGate } from '../src/gate/open-gate.ts'
import { FILLED_REMEDY, fillIncidents } from './fill-incidents.ts'
import { median } from './measure.ts'
import type { PagesServerUsage } from './pages-server.ts'
import { HOOK_BEARER, machine, openBenchEngine, withServers, type BenchServers } from './servers.ts'

const INCIDENTS = 10_000
const STREAMS = 1_000
const OPENED_AT_ONCE = 20
const DECISIONS = 200
const REQUESTS = 15
/** The goals: a page is smaller than this, and its time is at most this multiple of the time of its statements. */
const MAX_BYTES = 100_000
const MAX_RATIO = 3
const MAX_DECISION_RATIO = 2

const SERVER = fileURLToPath(new URL('./pages-server.js', import.meta.url))

/**
 * `npm run bench:pages`: the size and the time of each page with 10,000 stored incidents, and what 1,000 open event streams cost. Prints the
 * results on stdout. Returns 1 if a goal is missed.
 */
export async function main(): Promise<number> {
  const log = (line: string) => console.error(line)
  return withServers('memory', log, async (servers) => {
    const config = writeConfig(servers.dir)
    const engine = await openBenchEngine(servers, config)
    servers.onClose(() => engine.close())
    log(`storing ${INCIDENTS} incidents`)
    await fillIncidents(servers.superuserUrl, engine.catalogue.byName.get('stuck-runs')!.planDigest, INCIDENTS)
    const gates = await openGates(engine, 2 * DECISIONS + 100)
    const { url, usage } = await startServer(servers, config)
    const pagesMet = await measurePages(url, usage, gates.at(-1)!)
    const streamsMet = await measureStreams(url, usage, gates)
    console.log(machine())
    return pagesMet && streamsMet ? 0 : 1
  })
}

interface OpenGate {
  incident: string
  digest: string
}

/** Opens incidents that wait for a decision, as a worker would. No worker runs, so nothing else changes. */
async function openGates(engine: Engine, count: number): Promise<OpenGate[]> {
  const { planDigest, plan } = engine.catalogue.byName.get('stuck-runs')!
  const remedy = plan.remedies[FILLED_REMEDY]!
  const { approval } = remedy
  if (approval.auto) throw new Error(`the remedy ${FILLED_REMEDY} of the bench needs an approval`)
  const gates: OpenGate[] = []
  for (let n = 0; n < count; n += 1) {
    const { incident } = await trigger(engine, {
      type: 'stuck-run',
      inputs: { run: `new-${n}` },
      requester: 'person:bench',
    })
    const { name: cause, title } = plan.causes[0]!
    const opened = await openGate(engine.database, {
      findings: [{ cause, title, holds: true, because: 'a run is stuck' }],
      withinMs: 15 * 60_000,
      requesterExcluded: false,
      policy: NO_POLICY,
      proposal: {
        ...{
          gate: `${incident}.r1`,
          incident,
          round: 1,
          planDigest,
          remedy: FILLED_REMEDY,
          title: remedy.title,
          risk: remedy.risk,
        },
        ...{ cause, because: 'a run is stuck', affected: 1, limits: remedy.limits },
        targets: [{ key: '-', item: null, lock: incident }],
        actions: [
          {
            ...{ id: remedy.actions[0]!.id, kind: 'manual', access: 'person', target: '-' },
            with: { instructions: 'restart the run' },
            preview: { summary: 'restart the run' },
          },
        ],
        approval: {
          ...{ auto: false, by: approval.by, count: approval.count, excludeRequester: false },
          ...{
            validForMs: approval.validForMs,
            onTimeout: approval.onTimeout,
            escalateTo: plan.escalate.to,
            inPart: false,
          },
        },
      },
    })
    if (!opened.opened) throw new Error(`the gate of ${incident} was not opened`)
    gates.push({ incident, digest: opened.proposalDigest })
  }
  return gates
}

interface Server {
  url: string
  usage(): Promise<PagesServerUsage>
}

async function startServer(servers: BenchServers, config: string): Promise<Server> {
  const child: ChildProcess = fork(SERVER, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  servers.onClose(async () => {
    if (child.exitCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  })
  const { engineUrl, diagnosedUrl, temporal } = servers
  const { address, namespace } = temporal
  child.send({ config, servers: { engineUrl, diagnosedUrl, temporal: { address, namespace } } })
  const [url] = (await Promise.race([once(child, 'message'), once(child, 'exit').then(() => [undefined])])) as [string?]
  if (url === undefined) throw new Error('the server of the bench ended while it started')
  const usage = async () => {
    child.send('usage')
    return ((await once(child, 'message')) as [PagesServerUsage])[0]
  }
  return { url, usage }
}

async function measurePages(url: string, usage: Server['usage'], { incident, digest }: OpenGate): Promise<boolean> {
  const cookie = await signIn(url)
  const pages: Record<string, (n: number) => string> = {
    inbox: () => '/',
    incident: () => `/incidents/${incident}`,
    confirmation: () => `/incidents/${incident}/approve?digest=${digest}`,
    review: () => `/incidents/INC-${INCIDENTS}/review`,
    runbooks: () => '/runbooks',
    runbook: () => '/runbooks/stuck-runs',
    status: () => '/status',
    // A report is kept for a minute, so that each request asks for another period.
    'insights (90 days)': (n) => `/insights?since=${90 * 24 - n}h`,
    connections: () => '/connections',
  }
  let isMet = true
  console.log(`pages with ${INCIDENTS} stored incidents, the medians of ${REQUESTS} requests:`)
  for (const [name, path] of Object.entries(pages)) {
    const found: { ms: number; sqlMs: number; bytes: number; statements: number }[] = []
    for (let n = 0; n < REQUESTS + 3; n += 1) {
      const before = await usage()
      const started = performance.now()
      const answer = await fetch(`${url}${path(n)}`, { headers: { cookie } })
      const text = await answer.text()
      const ms = performance.now() - started
      if (answer.status !== 200) throw new Error(`${path(n)} was answered with ${answer.status}: ${text.slice(0, 300)}`)
      const after = await usage()
      const bytes = Buffer.byteLength(text)
      // The first requests compile the code of the page.
      if (n >= 3)
        found.push({ ms, bytes, sqlMs: after.sqlMs - before.sqlMs, statements: after.statements - before.statements })
    }
    const [ms, sqlMs, bytes] = [
      median(found.map((one) => one.ms)),
      median(found.map((one) => one.sqlMs)),
      found[0]!.bytes,
    ]
    isMet &&= bytes < MAX_BYTES && ms <= MAX_RATIO * sqlMs
    console.log(
      `  ${name}: ${(bytes / 1000).toFixed(1)} kB, ${ms.toFixed(1)} ms, of these ${sqlMs.toFixed(1)} ms for ${found[0]!.statements} statements: ratio ${(ms / sqlMs).toFixed(2)}`,
    )
  }
  return isMet
}

async function signIn(url: string): Promise<string> {
  const answer = await fetch(`${url}/sign-in`, {
    ...{ method: 'POST', redirect: 'manual', body: new URLSearchParams({ token: HOOK_BEARER }) },
    headers: { 'sec-fetch-site': 'same-origin' },
  })
  const cookie = answer.headers.getSetCookie()[0]?.split(';')[0]
  if (cookie === undefined) throw new Error(`signing in was answered with ${answer.status}`)
  return cookie
}

async function measureStreams(url: string, usage: Server['usage'], gates: OpenGate[]): Promise<boolean> {
  const followed = gates.slice(2 * DECISIONS)
  const without = await decide(url, gates.slice(0, DECISIONS))
  const before = await usage()
  const close = await openStreams(url, followed)
  await sleep(2_000)
  const opened = await usage()
  await sleep(10_000)
  const idle = await usage()
  const withStreams = await decide(url, gates.slice(DECISIONS, 2 * DECISIONS))
  close()
  const cpu = (idle.cpuMs - opened.cpuMs) / 100
  const ratio = withStreams.p99 / without.p99
  console.log(`${STREAMS} open event streams on ${followed.length} incidents, in one process:`)
  console.log(`  memory: ${before.residentMb.toFixed(0)} MB before, ${idle.residentMb.toFixed(0)} MB with the streams`)
  console.log(
    `  while nothing happens: ${cpu.toFixed(1)} % of a core, ${((idle.statements - opened.statements) / 10).toFixed(1)} statements per second`,
  )
  console.log(
    `  decisions, ${DECISIONS} one after the other: p50 ${without.p50.toFixed(0)} ms and p99 ${without.p99.toFixed(0)} ms without streams, p50 ${withStreams.p50.toFixed(0)} ms and p99 ${withStreams.p99.toFixed(0)} ms with them: ratio of the p99 ${ratio.toFixed(2)} (goal: at most ${MAX_DECISION_RATIO})`,
  )
  return ratio <= MAX_DECISION_RATIO
}

async function decide(url: string, gates: OpenGate[]): Promise<{ p50: number; p99: number }> {
  const times: number[] = []
  for (const { incident, digest } of gates) {
    const started = performance.now()
    const answer = await fetch(`${url}/v1/incidents/${incident}/decision`, {
      method: 'POST',
      headers: { authorization: `Bearer ${HOOK_BEARER}`, 'content-type': 'application/json' },
      body: JSON.stringify({ proposalDigest: digest, decision: 'approve' }),
    })
    const text = await answer.text()
    if (answer.status !== 200) throw new Error(`a decision was answered with ${answer.status}: ${text}`)
    times.push(performance.now() - started)
  }
  const sorted = times.toSorted((a, b) => a - b)
  return { p50: sorted[Math.floor(sorted.length * 0.5)]!, p99: sorted[Math.floor(sorted.length * 0.99)]! }
}

/** Opens the streams, some at a time, and waits until each has sent its first event. Returns a function that closes them. */
async function openStreams(url: string, gates: OpenGate[]): Promise<() => void> {
  const streams: ClientRequest[] = []
  while (streams.length < STREAMS) {
    const some = gates.slice(0, OPENED_AT_ONCE).map((_, n) => gates[(streams.length + n) % gates.length]!)
    streams.push(...(await Promise.all(some.map(({ incident }) => openStream(url, incident)))))
  }
  return () => streams.forEach((stream) => stream.destroy())
}

async function openStream(url: string, incident: string): Promise<ClientRequest> {
  const headers = { authorization: `Bearer ${HOOK_BEARER}` }
  const stream = request(`${url}/v1/incidents/${incident}/events`, { agent: false, headers })
  stream.on('error', () => {})
  stream.end()
  const [answer] = (await once(stream, 'response')) as [IncomingMessage]
  if (answer.statusCode !== 200) throw new Error(`a stream was answered with ${answer.statusCode}`)
  await once(answer, 'data')
  answer.resume()
  return stream
}

function writeConfig(dir: string): string {
  const folder = join(dir, 'pages')
  mkdirSync(join(folder, 'runbooks'), { recursive: true })
  writeFileSync(join(folder, 'runbooks', 'stuck-runs.yaml'), RUNBOOK)
  const config = readFileSync(join(packageRoot(), 'bench', 'runbook.config.yaml'), 'utf8')
  const file = join(folder, 'runbook.config.yaml')
  writeFileSync(file, config.replace(/^runbooks: .*$/m, 'runbooks: [runbooks]') + SETTINGS)
  return file
}

const SETTINGS = `people: { bench: { token: '\${HOOK_BEARER}', groups: [oncall] } }
requesterMayApprove: true
limits: { eventStreams: ${STREAMS + 10}, eventStreamsPerPerson: ${STREAMS + 10}, writesPerMinute: 100000 }
`
const RUNBOOK = `version: 1
runbook: stuck-runs
incident: stuck-run
title: A run stays RUNNING without progress
owner: bench
inputs: { run: { type: string } }
key: stuck-run/\${{ inputs.run }}
diagnose:
  seen:
    check: sql.query
    with: { connection: bench-db, sql: SELECT 1 AS n, columns: { n: int } }
causes:
  - { cause: stalled-nobody-checks, title: Nobody checks for stalled jobs, when: size(seen.rows) > 0, because: a run is stuck, remedy: ${FILLED_REMEDY} }
remedies:
  ${FILLED_REMEDY}:
    title: Restart the run
    do:
      - { action: manual, with: { instructions: restart the run } }
    approval: { by: [oncall], within: 15m }
    verify:
      again: [seen]
      until: size(seen.rows) == 0
      within: 1m
escalate: { to: [bench], message: somebody has to look }
`
