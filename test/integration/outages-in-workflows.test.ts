import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Queue } from 'bullmq'
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from 'vitest'
import type { Config } from '../../src/config/config.ts'
import { Secret } from '../../src/config/secret.ts'
import type { Plan } from '../../src/core/plan.ts'
import { cancelIncident } from '../../src/engine/incident-actions.ts'
import { listIncidents } from '../../src/engine/views/list.ts'
import { reviewIncident } from '../../src/engine/views/review.ts'
import type { IncidentView } from '../../src/engine/views/view-types.ts'
import { withdrawDecision } from '../../src/engine/withdraw-decision.ts'
import { switchControl } from '../../src/gate/controls.ts'
import { compileRunbook } from '../../src/language/compile.ts'
import { eraseStack } from '../../src/stack/erase-stack.ts'
import { startStack, type Stack } from '../../src/stack/stack.ts'
import type { Access, Targets } from '../../src/targets/targets.ts'
import { installRuntime } from '../../src/temporal/worker.ts'
import { choosePorts } from '../chaos/ports.ts'
import { openWorkflowWorld, type WorkflowWorld } from '../support/workflow-world.ts'

const PAUSED = (name: string, validFor: string) => `
version: 1
runbook: ${name}
incident: ${name}
title: The queue is paused
inputs:
  group: { type: string }
key: ${name}/\${{ inputs.group }}
symptom: queue.paused
diagnose:
  queue: { check: bullmq.queue, with: { connection: queue }, timeout: 5s }
causes:
  - cause: paused
    title: Somebody paused the queue
    when: queue.paused
    because: it is paused
    remedy: resume
rounds: { again: 2, every: 1s }
remedies:
  resume:
    title: Resume the queue
    do:
      - action: bullmq.resume
        with: { connection: queue }
    approval: { by: [oncall], within: 15m, validFor: ${validFor} }
    verify:
      checks:
        queueAfter: { check: bullmq.queue, with: { connection: queue } }
      until: "!queueAfter.paused"
      holds: 1s
      every: 200ms
      within: 10s
escalate: { to: [oncall], message: The queue is paused }
`

const BAD = `
version: 1
runbook: bad
incident: bad
title: Things are bad
inputs:
  group: { type: string }
key: bad/\${{ inputs.group }}
symptom: size(bad.rows) > 0
diagnose:
  bad:
    check: sql.query
    with:
      connection: db
      sql: SELECT id FROM things WHERE grp = $1 AND state = 'bad' ORDER BY id
      params: ["\${{ inputs.group }}"]
      columns: { id: string }
    timeout: 5s
causes:
  - cause: are-bad
    title: They are bad
    affects: bad.rows
    because: \${{ size(affects) }} are bad
    remedy: mend
rounds: { again: 2, every: 1s }
remedies:
  mend:
    title: Mend the things
    for: thing
    key: \${{ thing.id }}
    do:
      - action: sql.update
        with:
          connection: db
          table: things
          where: { id: "\${{ thing.id }}", state: bad }
          set: { state: good }
    limits: { maxTargets: 5 }
    approval: { by: [oncall], within: 15m }
    verify:
      checks:
        after:
          check: sql.query
          with:
            connection: db
            sql: SELECT id FROM things WHERE grp = $1 AND state = 'bad'
            params: ["\${{ inputs.group }}"]
            columns: { id: string }
      until: size(after.rows) == 0
      holds: 1s
      every: 200ms
      within: 10s
escalate: { to: [oncall], message: They are bad }
`

const dir = mkdtempSync(join(tmpdir(), 'runbook-outages-'))
let servers: Stack
let world: WorkflowWorld
let worker: { stop(): Promise<void> } | undefined

beforeAll(async () => {
  installRuntime('ERROR')
  choosePorts(dir)
  servers = await startStack({ dir, temporal: 'memory', services: ['postgres', 'redis'], log: () => {} })
  const url = new Secret(servers.redis.url, 'queue', servers.redis.url, [])
  const redis = { read: url, write: url, redact: [] }
  const queue: Config['connections'][string] = {
    kind: 'bullmq',
    ...redis,
    prefix: 'bull',
    queue: 'work',
    stalledIntervalMs: 30_000,
  }
  const plans = [planOf(PAUSED('paused', '15m')), planOf(PAUSED('short', '4s')), planOf(BAD)]
  const options = { thingsServer: servers.postgres.url, connections: { queue } }
  world = await openWorkflowWorld(inject('stack'), plans, options)
})
afterEach(async () => {
  await worker?.stop()
  worker = undefined
  await Promise.all([servers.redis.start(), servers.postgres.start()])
})
afterAll(async () => {
  await world?.close()
  await servers?.stop()
  await eraseStack(dir)
  rmSync(dir, { recursive: true, force: true })
})

function planOf(text: string): Plan {
  const { plan, problems } = compileRunbook(text, { file: 'test.yaml' })
  if (!plan) throw new Error(JSON.stringify(problems))
  return plan
}

/** The use of a server before which the server is stopped. `use` counts from 1 after each call of `stopAt`. */
interface StopAt {
  server: 'redis' | 'postgres'
  access: Access
  use: number
}

/** The engine's targets, which stop a server before a certain use of it, so that exactly this step finds the server down. */
function stoppingTargets(): { targets: Targets; stopAt(next: StopAt | undefined): void } {
  const { targets } = world.engine
  let next: StopAt | undefined
  const used = async (server: StopAt['server'], access: Access) => {
    if (next?.server !== server || next.access !== access) return
    next.use -= 1
    if (next.use > 0) return
    next = undefined
    await servers[server].stop()
  }
  return {
    stopAt: (wanted) => (next = wanted && { ...wanted }),
    targets: {
      ...targets,
      postgres: async (name, access) => {
        await used('postgres', access)
        return targets.postgres(name, access)
      },
      bullmq: async (name, access) => {
        await used('redis', access)
        return targets.bullmq(name, access)
      },
    },
  }
}

/** Starts the worker of a test. */
async function start(waitWhileDownMs?: number) {
  const { targets, stopAt } = stoppingTargets()
  worker = await world.startWorker({ targets, ...(waitWhileDownMs === undefined ? {} : { waitWhileDownMs }) })
  return stopAt
}

async function withQueue<T>(work: (queue: Queue) => Promise<T>): Promise<T> {
  const { hostname, port, password } = new URL(servers.redis.url)
  const queue = new Queue('work', { connection: { host: hostname, port: Number(port), password } })
  try {
    return await work(queue)
  } finally {
    await queue.close()
  }
}

const CASES = {
  redis: {
    runbook: 'paused',
    connection: 'queue',
    why: /^connection queue(: (Redis at 127\.0\.0\.1:\d+ does not answer|[A-Z]+: )| failed: )/,
    breakIt: (_group: string) => withQueue((queue) => queue.pause()),
    async expectMended(_group: string) {
      expect(await withQueue((queue) => queue.isPaused())).toBe(false)
    },
  },
  postgres: {
    runbook: 'bad',
    connection: 'db',
    why: /^connection db(: (PostgreSQL at 127\.0\.0\.1:\d+\S* does not answer|.*SQLSTATE 57P01)| failed: )/,
    breakIt: (group: string) => world.addThings(group, `${group}-1`),
    async expectMended(group: string) {
      const found = await world.things.query('SELECT state, changes FROM things WHERE grp = $1', [group])
      expect(found.rows).toEqual([{ state: 'good', changes: 1 }])
    },
  },
}

/** The number of the read that belongs to each stage. Before the gate, the diagnosis reads once, and then the preview reads. */
const STAGES = {
  'in the diagnosis': { after: 'trigger', access: 'read', use: 1, state: 'diagnosing' },
  'while the proposal is made': { after: 'trigger', access: 'read', use: 2, state: 'diagnosing' },
  'in the re-check': { after: 'approval', access: 'read', use: 1, state: 'applying' },
  'when it is applied': { after: 'approval', access: 'write', use: 1, state: 'applying' },
  'in the verification': { after: 'approval', access: 'read', use: 2, state: 'verifying' },
} as const

const waits = (view: IncidentView) => view.waitsFor.length > 0
const untilItWaits = (incident: string) => world.until(incident, 'waits for a connection', waits)

async function expectOneRound(incident: string, connection: string) {
  const closed = await world.closed(incident)
  expect(closed).toMatchObject({ outcome: 'resolved', waitsFor: [], rounds: [{ verified: true }] })
  expect(closed.rounds).toHaveLength(1)
  const { timeline, chainFaults, evidence } = await reviewIncident(world.engine.database, incident)
  expect(chainFaults).toEqual([])
  expect(evidence.filter(({ status }) => status !== 'ok')).toEqual([])
  const of = (kind: string) => timeline.filter((entry) => entry.kind === kind)
  expect(of('unreachable').length).toBeGreaterThan(0)
  expect(of('waited').length).toBe(of('unreachable').length)
  expect(of('waited').every(({ data }) => data.connection === connection && data.answered === true)).toBe(true)
  expect(of('decision')).toHaveLength(1)
}

describe.each(['redis', 'postgres'] as const)('%s that is down', (server) => {
  const { runbook, connection, why, breakIt, expectMended } = CASES[server]

  test.each(Object.entries(STAGES))('%s is waited for; the incident goes on by itself', async (stage, at) => {
    const group = `${server}-${Object.keys(STAGES).indexOf(stage)}`
    await breakIt(group)
    const stopAt = await start()
    if (at.after === 'trigger') stopAt({ server, ...at })
    const incident = await world.open(runbook, group)
    if (at.after === 'approval') {
      const view = await world.atGate(incident)
      stopAt({ server, ...at })
      await world.decide(view)
    }
    const waiting = await untilItWaits(incident)
    expect(waiting).toMatchObject({ state: at.state, outcome: null, waitsFor: [{ connection }] })
    expect(waiting.waitsFor[0]!.why).toMatch(why)
    expect((await listIncidents(world.engine.database, { limit: 1, plans: null }))[0]).toMatchObject({
      id: incident,
      waitsFor: waiting.waitsFor,
    })
    await servers[server].start()
    if (at.after === 'trigger') await world.decide(await world.atGate(incident))
    await expectOneRound(incident, connection)
    await expectMended(group)
  })

  test('while the gate is open does not matter: the approval is accepted, and then waits for it', async () => {
    const group = `${server}-gate`
    await breakIt(group)
    await start()
    const incident = await world.open(runbook, group)
    const view = await world.atGate(incident)
    await servers[server].stop()
    await world.decide(view)
    expect(await untilItWaits(incident)).toMatchObject({ state: 'applying', rounds: [{ gate: { state: 'approved' } }] })
    await servers[server].start()
    await expectOneRound(incident, connection)
    await expectMended(group)
  })
})

describe('a wait', () => {
  test('of the diagnosis has an end: then the evidence says for how long it was waited, and the incident is escalated', async () => {
    await start(1_500)
    await servers.redis.stop()
    const incident = await world.open('paused', 'never')
    const { waitsFor } = await untilItWaits(incident)
    expect(Date.parse(waitsFor[0]!.until) - Date.parse(waitsFor[0]!.since)).toBe(1_500)
    const closed = await world.closed(incident)
    expect(closed).toMatchObject({ outcome: 'escalated', waitsFor: [] })
    // When the checks of the round run again, they do not wait again.
    expect(closed.rounds[0]!.checks[0]!.error).toMatch(
      /Redis at \S+ does not answer: .*; waited for queue before, without an answer$/,
    )
    const { timeline } = await reviewIncident(world.engine.database, incident)
    expect(timeline.filter(({ kind }) => kind === 'unreachable')).toHaveLength(1)
    expect(timeline.find(({ kind }) => kind === 'waited')?.text).toMatch(/^no longer waits for queue, after [\d.]+s$/)
  })

  test('of an approval ends when it is no longer valid, whether it is re-checked or applied', async () => {
    for (const access of ['read', 'write'] as const) {
      await withQueue((queue) => queue.pause())
      const stopAt = await start(500)
      const incident = await world.open('short', access)
      const view = await world.atGate(incident)
      stopAt({ server: 'redis', access, use: 1 })
      await world.decide(view)
      const closed = await world.closed(incident)
      expect(closed).toMatchObject({
        outcome: 'escalated',
        rounds: [
          { gate: { state: 'lapsed' }, effects: [] },
          { gate: null, checks: [{ status: 'failed' }] },
        ],
      })
      await worker!.stop()
      await servers.redis.start()
      expect(await withQueue((queue) => queue.isPaused())).toBe(true)
    }
  })

  test('of the verification has an end, and does not count for its time; the verdict says that it did not hold', async () => {
    await withQueue((queue) => queue.pause())
    const stopAt = await start(1_500)
    const incident = await world.open('paused', 'unverified')
    const view = await world.atGate(incident)
    stopAt({ server: 'redis', access: 'read', use: 2 })
    await world.decide(view)
    const closed = await world.closed(incident)
    expect(closed.outcome).toBe('escalated')
    expect(closed.rounds[0]).toMatchObject({ verified: false, effects: [{ result: 'applied' }] })
    const { timeline } = await reviewIncident(world.engine.database, incident)
    const verdict = timeline.find(({ kind }) => kind === 'verified')!
    expect(verdict.text).toMatch(/not true within 10s .*, not counting the [\d.]+s in which a connection was down$/)
  })

  test.each(Object.entries(STAGES).filter(([stage]) => stage !== 'in the verification'))(
    '%s ends when the incident is cancelled',
    async (stage, at) => {
      await withQueue((queue) => queue.pause())
      const stopAt = await start()
      if (at.after === 'trigger') stopAt({ server: 'redis', ...at })
      const incident = await world.open('paused', `cancelled ${stage}`)
      if (at.after === 'approval') {
        const view = await world.atGate(incident)
        stopAt({ server: 'redis', ...at })
        await world.decide(view)
      }
      await untilItWaits(incident)
      await cancelIncident(world.engine, world.engine.people.operator!, incident)
      const closed = await world.closed(incident)
      expect(closed.outcome).toBe('cancelled')
      expect(closed.rounds.flatMap(({ effects }) => effects)).toEqual([])
    },
  )

  test('of an approval ends when the approval is withdrawn: nothing is applied, and the next round waits', async () => {
    await withQueue((queue) => queue.pause())
    const stopAt = await start()
    const incident = await world.open('paused', 'withdrawn')
    const view = await world.atGate(incident)
    stopAt({ server: 'redis', access: 'write', use: 1 })
    await world.decide(view)
    await untilItWaits(incident)
    await withdrawDecision(world.engine, world.engine.people.lead!, { gate: view.rounds[0]!.gate!.id })
    const next = await world.until(incident, 'waits in its second round', (now) => {
      return waits(now) && now.state === 'diagnosing'
    })
    expect(next.rounds[0]).toMatchObject({ gate: { state: 'withdrawn' }, effects: [] })
    await servers.redis.start()
    await world.decide(await world.atGate(incident))
    expect(await world.closed(incident)).toMatchObject({ outcome: 'resolved' })
  })

  test('does not get around a freeze: when the connection is back, what was approved waits for the end of the freeze', async () => {
    await withQueue((queue) => queue.pause())
    const stopAt = await start()
    const incident = await world.open('paused', 'frozen')
    const view = await world.atGate(incident)
    stopAt({ server: 'redis', access: 'write', use: 1 })
    await world.decide(view)
    await untilItWaits(incident)
    const freeze = { control: 'freeze', person: 'lead', reason: 'a test' } as const
    await switchControl(world.engine.database, { ...freeze, on: true })
    await servers.redis.start()
    const frozen = await world.until(incident, 'no longer waits for the connection', (now) => !waits(now))
    expect(frozen).toMatchObject({ state: 'applying', controls: [{ name: 'freeze' }], rounds: [{ effects: [] }] })
    expect(await withQueue((queue) => queue.isPaused())).toBe(true)
    await switchControl(world.engine.database, { ...freeze, on: false })
    await expectOneRound(incident, 'queue')
  })
})

test('a connection that refuses the login is not waited for', async () => {
  await start()
  await world.engine.targets.redis('queue', 'read').then(({ redis }) => redis.disconnect())
  const admin = new Redis(servers.redis.url)
  await admin.acl('SETUSER', 'default', 'resetpass', '>another')
  admin.disconnect()
  const incident = await world.open('paused', 'refused')
  const closed = await world.closed(incident)
  expect(closed.outcome).toBe('escalated')
  expect(closed.rounds[0]!.checks[0]!.error).toMatch(/refuses the login/)
  const { timeline } = await reviewIncident(world.engine.database, incident)
  expect(timeline.filter(({ kind }) => kind === 'unreachable')).toEqual([])
  // At its next start, Redis reads the original password from its file again.
  await servers.redis.stop()
})
