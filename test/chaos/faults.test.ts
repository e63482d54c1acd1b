import { setTimeout as sleep } from 'node:timers/promises'
import { Queue } from 'bullmq'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import type { BullmqConnection } from '../../src/config/config.ts'
import { openCuttingProxy } from './cutting-proxy.ts'
import { HOLDING, HOLDING_SCRIPT, POINTS, STARTED, type Point } from './point.ts'
import { chanceOf, times } from './profile.ts'
import { startTraffic, type Traffic } from './traffic.ts'
import { until } from '../acceptance/until.ts'
import { brokenPromises, judge, lastWords, print, type Restart } from './verdict.ts'
import { openChaosWorld, type ChaosWorld } from './world.ts'
import { openWire } from './wire.ts'
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
/** So many workers run, each with a point of its own at which it dies; then one takes over from all. */
const AT_ONCE = 3

/** Waits for the end of all that was opened, and holds it against the promises. */
async function broken(what: string, restarts: Restart[] = []): Promise<string[]> {
  await traffic.untilClosed(180_000)
  const verdict = await judge(world, traffic.opened, restarts)
  print(what, verdict)
  return brokenPromises(verdict)
}

test('kill -9 of the worker at each durable write, and at any moment: nothing lost, nothing twice', async () => {
  const chance = chanceOf('killed worker')
  const restarts: Restart[] = []
  const startNext = async () => {
    const diedAt = Date.now()
    worker = world.startWorker()
    restarts.push({ diedAt, startedAt: worker.startedAt })
    await worker.ready
  }
  const slowest: Record<string, number> = {}
  for (let round = 0; round < times(1, 10); round += 1)
    for (let next = 0; next < POINTS.length; next += AT_ONCE) {
      const points = POINTS.slice(next, next + AT_ONCE)
      const struck = points.map((point) => world.startWorker({ strike: { ...point, signal: 'SIGKILL' } }))
      await Promise.all(struck.map((one) => one.ready))
      await traffic.fill(IN_FLIGHT - 1)
      // Whatever the others are doing: there is always one that has just begun, and comes to the points.
      await until(`incidents come to: ${points.map(({ name }) => name).join('; ')}`, async () => {
        if (struck.every((one) => one.isEnded())) return true
        await (points.includes(STARTED) ? traffic.openUnstarted() : traffic.open())
        await sleep(700)
        return undefined
      })
      const silent = await lastWords(world)
      await startNext()
      await until('all go on that were open', async () => (await haveSpoken(silent)) || undefined, 120_000)
      const seconds = (Date.now() - worker.startedAt) / 1_000
      for (const { name } of points) slowest[name] = Math.max(slowest[name] ?? 0, seconds)
      worker.signal('SIGKILL')
      await worker.ended
    }
  for (const [name, seconds] of Object.entries(slowest))
    console.log(`    ${name}: all went on within ${seconds.toFixed(1)} s`)
  for (let kills = 0; kills < times(8, 100); kills += 1) {
    await startNext()
    await traffic.fill(IN_FLIGHT)
    await sleep(chance.pause(0, 5_000))
    worker.signal('SIGKILL')
    await worker.ended
  }
  await startNext()
  expect(await broken(`${times(12, 120) + times(8, 100)} kills`, restarts)).toEqual([])
  expect(Math.max(...Object.values(slowest))).toBeLessThanOrEqual(60)
})

/** Whether each of these is closed, or the engine has said something of it since. */
async function haveSpoken(before: Map<string, number>): Promise<boolean> {
  const now = await lastWords(world)
  return [...before].every(([incident, word]) => now.get(incident) !== word)
}

test('PostgreSQL restarted every 5 to 10 s: nothing lost, nothing twice, the chains whole', async () => {
  const chance = chanceOf('PostgreSQL restarted')
  worker = world.startWorker()
  await worker.ready
  const incidents = times(20, 500)
  let restarts = 0
  while (traffic.opened.length < incidents) {
    await traffic.fill(Math.min(IN_FLIGHT / 2, incidents - traffic.opened.length))
    await sleep(chance.pause(5_000, 10_000))
    await (chance.upTo(2) === 0 ? world.stack.postgres.kill() : world.stack.postgres.stop())
    await world.stack.postgres.start()
    restarts += 1
  }
  expect(await broken(`PostgreSQL restarted ${restarts} times`)).toEqual([])
})

test('the connection cut right after a COMMIT, before its answer: nothing twice', async () => {
  const chance = chanceOf('cut after COMMIT')
  const wanted = times(10, 200)
  const writes = /INSERT INTO runbook|UPDATE runbook|record_evidence|append_events|close_without_gates/
  const proxy = await openCuttingProxy(Number(new URL(world.stack.postgres.url).port), (committed, before) => {
    return before < wanted && committed.some((one) => writes.test(one)) && chance.upTo(4) === 0
  })
  try {
    worker = world.startWorker({ env: world.through(proxy.port) })
    await worker.ready
    while (proxy.cuts.length < wanted) {
      await traffic.open()
      await traffic.fill(4)
      await sleep(200)
    }
    expect(await broken(`${wanted} connections cut after COMMIT`)).toEqual([])
    expect(proxy.cuts).toHaveLength(wanted)
  } finally {
    await worker.stop()
    await proxy.close()
  }
})

test('Temporal killed and started again: nothing lost; what was decided or opened meanwhile takes effect once', async () => {
  const chance = chanceOf('Temporal restarted')
  worker = world.startWorker()
  await worker.ready
  for (let restarts = 0; restarts < times(2, 10); restarts += 1) {
    traffic.deciding = false
    await traffic.fill(IN_FLIGHT)
    await sleep(chance.pause(1_000, 4_000))
    await world.stack.temporal.kill()
    await traffic.open()
    // Decided while it is down: those gates that are open by now.
    traffic.deciding = true
    await sleep(chance.pause(1_000, 3_000))
    await world.stack.temporal.start()
  }
  expect(await broken('Temporal killed')).toEqual([])
})

test('decided while no worker runs: takes effect once, when one is back', async () => {
  for (let round = 0; round < times(2, 20); round += 1) {
    worker = world.startWorker()
    await worker.ready
    traffic.deciding = false
    const before = traffic.opened.length
    await Promise.all([traffic.open(), traffic.open(), traffic.open()])
    await inState(
      traffic.opened.slice(before).map((one) => one.incident),
      'open',
    )
    worker.signal('SIGKILL')
    await worker.ended
    traffic.deciding = true
    await inState(
      traffic.opened.slice(before).map((one) => one.incident),
      'approved',
    )
  }
  worker = world.startWorker()
  await worker.ready
  expect(await broken('decided without a worker')).toEqual([])
})

async function inState(incidents: string[], state: 'open' | 'approved'): Promise<void> {
  await until(`gates of ${incidents.join(', ')} are ${state}`, async () => {
    const { rowCount } = await world.engine.database.query(
      'SELECT FROM runbook.gates WHERE incident = ANY ($1) AND state = $2',
      [incidents, state],
    )
    return rowCount === incidents.length ? true : undefined
  })
}

interface Holder {
  /** Lets it go on, and waits until it has ended what it had begun. */
  goOn(): Promise<void>
}

/** A worker that is stopped where it holds a lease; `open` brings it there. Temporal sees that it is gone, and asks it nothing more. */
async function stoppedAt(point: Point, open: () => Promise<unknown>): Promise<Holder> {
  const wire = await openWire(Number(world.stack.temporal.address.split(':')[1]))
  const env = { TEMPORAL_ADDRESS: `127.0.0.1:${wire.port}` }
  const holder = world.startWorker({ strike: { ...point, signal: 'SIGSTOP' }, env })
  await holder.ready
  await open()
  await until(`a worker is stopped ${point.name}`, async () => holder.isStopped() || undefined)
  wire.cut()
  return {
    async goOn() {
      wire.mend()
      holder.signal('SIGCONT')
      await holder.stop()
      await wire.close()
    },
  }
}

test('the holder of a lease stopped past it: what it goes on with applies nothing', async () => {
  for (let round = 0; round < times(1, 7); round += 1) {
    const holders: Holder[] = []
    for (const point of HOLDING) holders.push(await stoppedAt(point, () => traffic.openLine()))
    worker = world.startWorker()
    await worker.ready
    await traffic.untilClosed(120_000)
    await Promise.all(holders.map((holder) => holder.goOn()))
    await worker.stop()
  }
  const stopped = times(1, 7) * HOLDING.length
  expect(await broken(`${stopped} holders stopped`)).toEqual([])
  expect(await takenOver(traffic.opened.map((one) => one.incident))).toBeGreaterThanOrEqual(stopped)
})

/** How often another worker took a permit that one had. */
async function takenOver(incidents: string[]): Promise<number> {
  const { rows } = await world.engine.database.query<{ n: number }>(
    `SELECT coalesce(sum(p.fence - 1), 0)::int AS n FROM runbook.permits p JOIN runbook.gates g ON g.id = p.gate
     WHERE g.incident = ANY ($1)`,
    [incidents],
  )
  return rows[0]!.n
}

test('the same on a queue: what was paused again meanwhile stays paused', async () => {
  const { prefix } = world.engine.config.connections['maestro-queue'] as BullmqConnection
  const { host, username, password } = new URL(world.stack.redis.url)
  const [hostname, port] = host.split(':')
  const queue = new Queue('queue', { prefix, connection: { host: hostname, port: Number(port), username, password } })
  try {
    for (let round = 0; round < times(1, 7); round += 1) {
      await queue.pause()
      const holder = await stoppedAt(HOLDING_SCRIPT, () => traffic.openQueue())
      worker = world.startWorker()
      await worker.ready
      await traffic.untilClosed(120_000)
      expect(await queue.isPaused()).toBe(false)
      await queue.pause()
      await holder.goOn()
      expect(await queue.isPaused()).toBe(true)
      await worker.stop()
    }
    await queue.resume()
    expect(await broken('holders stopped before a script')).toEqual([])
  } finally {
    await queue.close()
  }
})
