import { setTimeout as sleep } from 'node:timers/promises'
import { Queue } from 'bullmq'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import type { BullmqConnection } from '../../src/config/config.ts'
import { openCuttingProxy } from './cutting-proxy.ts'
import { LEASE_POINTS, LEASE_SCRIPT_POINT, FAULT_POINTS, MARK_STARTED_POINT, type FaultPoint } from './fault-points.ts'
import { randomOf, byProfile } from './profile.ts'
import { startTraffic, type Traffic } from './traffic.ts'
import { until } from '../acceptance/until.ts'
import { violatedPromises, evaluate, lastEngineEvents, printSummary, type Restart } from './summary.ts'
import { openChaosWorld, type ChaosWorld } from './world.ts'
import { openBlockableProxy } from '../support/blockable-proxy.ts'
import type { WorkerProcess } from './worker-process.ts'

let world: ChaosWorld
let traffic: Traffic
let worker: WorkerProcess

beforeAll(async () => {
  world = await openChaosWorld()
})
afterAll(() => world?.close())
beforeEach(() => {
  traffic = startTraffic(world)
})
afterEach(async () => {
  await traffic.stop()
  await worker?.stop()
})

const IN_FLIGHT = 20
/** How many workers run at the same time, each with its own fault point. After all of them have died, one new worker takes over. */
const CONCURRENT_WORKERS = 3

/** Waits until all incidents are closed, prints a summary and returns the violated promises. */
async function violations(description: string, restarts: Restart[] = []): Promise<string[]> {
  await traffic.untilClosed(180_000)
  const summary = await evaluate(world, traffic.opened, restarts)
  printSummary(description, summary)
  return violatedPromises(summary)
}

test('kill -9 of the worker at each durable write and at random moments loses no incident and applies nothing twice', async () => {
  const random = randomOf('killed worker')
  const restarts: Restart[] = []
  const startNext = async () => {
    const diedAt = Date.now()
    worker = world.startWorker()
    restarts.push({ diedAt, startedAt: worker.startedAt })
    await worker.ready
  }
  const slowestSeconds: Record<string, number> = {}
  for (let round = 0; round < byProfile(1, 10); round += 1)
    for (let next = 0; next < FAULT_POINTS.length; next += CONCURRENT_WORKERS) {
      const points = FAULT_POINTS.slice(next, next + CONCURRENT_WORKERS)
      const faultyWorkers = points.map((point) => world.startWorker({ fault: { ...point, signal: 'SIGKILL' } }))
      await Promise.all(faultyWorkers.map((one) => one.ready))
      await traffic.fill(IN_FLIGHT - 1)
      // Keep opening incidents until each worker has reached its fault point.
      await until(`workers reach their fault points: ${points.map(({ name }) => name).join('; ')}`, async () => {
        if (faultyWorkers.every((one) => one.hasExited())) return true
        await (points.includes(MARK_STARTED_POINT) ? traffic.openUnstarted() : traffic.open())
        await sleep(700)
        return undefined
      })
      const eventsBefore = await lastEngineEvents(world)
      await startNext()
      await until(
        'all open incidents have new events',
        async () => (await allHaveNewEvents(eventsBefore)) || undefined,
        120_000,
      )
      const seconds = (Date.now() - worker.startedAt) / 1_000
      for (const { name } of points) slowestSeconds[name] = Math.max(slowestSeconds[name] ?? 0, seconds)
      worker.signal('SIGKILL')
      await worker.ended
    }
  for (const [name, seconds] of Object.entries(slowestSeconds))
    console.log(`    ${name}: all incidents continued within ${seconds.toFixed(1)} s`)
  for (let kills = 0; kills < byProfile(8, 100); kills += 1) {
    await startNext()
    await traffic.fill(IN_FLIGHT)
    await sleep(random.between(0, 5_000))
    worker.signal('SIGKILL')
    await worker.ended
  }
  await startNext()
  expect(await violations(`${byProfile(12, 120) + byProfile(8, 100)} kills`, restarts)).toEqual([])
  expect(Math.max(...Object.values(slowestSeconds))).toBeLessThanOrEqual(60)
})

/** Whether the engine has closed each of these incidents or added an event to it. */
async function allHaveNewEvents(lastEvents: Map<string, number>): Promise<boolean> {
  const now = await lastEngineEvents(world)
  return [...lastEvents].every(([incident, seq]) => now.get(incident) !== seq)
}

test('restarting PostgreSQL every 5 to 10 s loses no incident, applies nothing twice and leaves the hash chains intact', async () => {
  const random = randomOf('PostgreSQL restarted')
  worker = world.startWorker()
  await worker.ready
  const incidents = byProfile(20, 500)
  let restarts = 0
  while (traffic.opened.length < incidents) {
    await traffic.fill(Math.min(IN_FLIGHT / 2, incidents - traffic.opened.length))
    await sleep(random.between(5_000, 10_000))
    await (random.below(2) === 0 ? world.stack.postgres.kill() : world.stack.postgres.stop())
    await world.stack.postgres.start()
    restarts += 1
  }
  expect(await violations(`PostgreSQL restarted ${restarts} times`)).toEqual([])
})

test('cutting the connection after a COMMIT, before its response, applies nothing twice', async () => {
  const random = randomOf('cut after COMMIT')
  const wanted = byProfile(10, 200)
  const writes = /INSERT INTO runbook|UPDATE runbook|record_evidence|append_events|close_without_gates/
  const proxy = await openCuttingProxy(Number(new URL(world.stack.postgres.url).port), (committed, cutsBefore) => {
    return cutsBefore < wanted && committed.some((one) => writes.test(one)) && random.below(4) === 0
  })
  try {
    worker = world.startWorker({ env: world.throughProxy(proxy.port) })
    await worker.ready
    while (proxy.cuts.length < wanted) {
      await traffic.open()
      await traffic.fill(4)
      await sleep(200)
    }
    expect(await violations(`${wanted} connections cut after COMMIT`)).toEqual([])
    expect(proxy.cuts).toHaveLength(wanted)
  } finally {
    await worker.stop()
    await proxy.close()
  }
})

test('killing and restarting Temporal loses no incident; decisions and incidents during the outage take effect once', async () => {
  const random = randomOf('Temporal restarted')
  worker = world.startWorker()
  await worker.ready
  for (let restarts = 0; restarts < byProfile(2, 10); restarts += 1) {
    traffic.deciding = false
    await traffic.fill(IN_FLIGHT)
    await sleep(random.between(1_000, 4_000))
    await world.stack.temporal.kill()
    await traffic.open()
    // Open gates are decided while Temporal is down.
    traffic.deciding = true
    await sleep(random.between(1_000, 3_000))
    await world.stack.temporal.start()
  }
  expect(await violations('Temporal killed')).toEqual([])
})

test('a decision made while no worker runs takes effect once, after a worker starts', async () => {
  for (let round = 0; round < byProfile(2, 20); round += 1) {
    worker = world.startWorker()
    await worker.ready
    traffic.deciding = false
    const openedBefore = traffic.opened.length
    await Promise.all([traffic.open(), traffic.open(), traffic.open()])
    await untilGatesAre(
      traffic.opened.slice(openedBefore).map((one) => one.incident),
      'open',
    )
    worker.signal('SIGKILL')
    await worker.ended
    traffic.deciding = true
    await untilGatesAre(
      traffic.opened.slice(openedBefore).map((one) => one.incident),
      'approved',
    )
  }
  worker = world.startWorker()
  await worker.ready
  expect(await violations('decided without a worker')).toEqual([])
})

async function untilGatesAre(incidents: string[], state: 'open' | 'approved'): Promise<void> {
  await until(`gates of ${incidents.join(', ')} are ${state}`, async () => {
    const { rowCount } = await world.engine.database.query(
      'SELECT FROM runbook.gates WHERE incident = ANY ($1) AND state = $2',
      [incidents, state],
    )
    return rowCount === incidents.length ? true : undefined
  })
}

interface PausedWorker {
  /** Continues the worker with SIGCONT, then stops it and waits for its exit. */
  resume(): Promise<void>
}

/**
 * Starts a worker that pauses at a point where it holds a lease. `open` opens the incident that leads there. Then blocks its connection
 * to Temporal, so that Temporal gives its tasks to other workers.
 */
async function pauseWorkerAt(point: FaultPoint, open: () => Promise<unknown>): Promise<PausedWorker> {
  const proxy = await openBlockableProxy(Number(world.stack.temporal.address.split(':')[1]))
  const env = { TEMPORAL_ADDRESS: `127.0.0.1:${proxy.port}` }
  const paused = world.startWorker({ fault: { ...point, signal: 'SIGSTOP' }, env })
  await paused.ready
  await open()
  await until(`a worker is paused ${point.name}`, async () => paused.isPaused() || undefined)
  proxy.block()
  return {
    async resume() {
      proxy.unblock()
      paused.signal('SIGCONT')
      await paused.stop()
      await proxy.close()
    },
  }
}

test('a worker that is paused until its lease has expired applies nothing when it continues', async () => {
  for (let round = 0; round < byProfile(1, 7); round += 1) {
    const pausedWorkers: PausedWorker[] = []
    for (const point of LEASE_POINTS) pausedWorkers.push(await pauseWorkerAt(point, () => traffic.openLine()))
    worker = world.startWorker()
    await worker.ready
    await traffic.untilClosed(120_000)
    await Promise.all(pausedWorkers.map((pausedWorker) => pausedWorker.resume()))
    await worker.stop()
  }
  const pauses = byProfile(1, 7) * LEASE_POINTS.length
  expect(await violations(`${pauses} workers paused`)).toEqual([])
  expect(await countTakeovers(traffic.opened.map((one) => one.incident))).toBeGreaterThanOrEqual(pauses)
})

/** How often a worker took over the permit of another worker. */
async function countTakeovers(incidents: string[]): Promise<number> {
  const { rows } = await world.engine.database.query<{ n: number }>(
    `SELECT coalesce(sum(p.fence - 1), 0)::int AS n FROM runbook.permits p JOIN runbook.gates g ON g.id = p.gate
     WHERE g.incident = ANY ($1)`,
    [incidents],
  )
  return rows[0]!.n
}

test('a worker that is paused before a queue script applies nothing when it continues: the queue stays paused', async () => {
  const { prefix } = world.engine.config.connections['maestro-queue'] as BullmqConnection
  const { host, username, password } = new URL(world.stack.redis.url)
  const [hostname, port] = host.split(':')
  const queue = new Queue('queue', { prefix, connection: { host: hostname, port: Number(port), username, password } })
  try {
    for (let round = 0; round < byProfile(1, 7); round += 1) {
      await queue.pause()
      const pausedWorker = await pauseWorkerAt(LEASE_SCRIPT_POINT, () => traffic.openQueue())
      worker = world.startWorker()
      await worker.ready
      await traffic.untilClosed(120_000)
      expect(await queue.isPaused()).toBe(false)
      await queue.pause()
      await pausedWorker.resume()
      expect(await queue.isPaused()).toBe(true)
      await worker.stop()
    }
    await queue.resume()
    expect(await violations('workers paused before a script')).toEqual([])
  } finally {
    await queue.close()
  }
})
