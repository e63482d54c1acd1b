import { Queue } from 'bullmq'
import { expect, test } from 'vitest'
import type { BullmqConnection } from '../../src/config/config.ts'
import { until } from '../acceptance/until.ts'
import { openBlockableProxy } from '../support/blockable-proxy.ts'
import { LEASE_POINTS, LEASE_SCRIPT_POINT, type FaultPoint } from '../chaos/fault-points.ts'
import { faultWorld } from '../chaos/fault-world.ts'
import { byProfile } from '../chaos/profile.ts'

const faults = faultWorld()

interface PausedWorker {
  /** Continues the worker with SIGCONT, then stops it and waits for its exit. */
  resume(): Promise<void>
}

/**
 * Starts a worker that pauses at a point where it holds a lease; `open` opens the incident that leads to this point. Then blocks the
 * worker's connection to Temporal, so that Temporal gives its tasks to other workers.
 */
async function pauseWorkerAt(point: FaultPoint, open: () => Promise<unknown>): Promise<PausedWorker> {
  const { world } = faults
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
  const { traffic } = faults
  for (let round = 0; round < byProfile(1, 7); round += 1) {
    const pausedWorkers: PausedWorker[] = []
    for (const point of LEASE_POINTS) pausedWorkers.push(await pauseWorkerAt(point, () => traffic.openLine()))
    const worker = await faults.startWorker()
    await traffic.untilClosed(120_000)
    await Promise.all(pausedWorkers.map((pausedWorker) => pausedWorker.resume()))
    await worker.stop()
  }
  const pauses = byProfile(1, 7) * LEASE_POINTS.length
  expect(await faults.violations(`${pauses} workers paused`)).toEqual([])
  expect(await countTakeovers(traffic.opened.map((one) => one.incident))).toBeGreaterThanOrEqual(pauses)
})

/** How often a worker took over the permit of another worker. */
async function countTakeovers(incidents: string[]): Promise<number> {
  const { rows } = await faults.world.engine.database.query<{ n: number }>(
    `SELECT coalesce(sum(p.fence - 1), 0)::int AS n FROM runbook.permits p JOIN runbook.gates g ON g.id = p.gate
     WHERE g.incident = ANY ($1)`,
    [incidents],
  )
  return rows[0]!.n
}

test('a worker that is paused before a queue script applies nothing when it continues: the queue stays paused', async () => {
  const { world, traffic } = faults
  const { prefix } = world.engine.config.connections['maestro-queue'] as BullmqConnection
  const { host, username, password } = new URL(world.stack.redis.url)
  const [hostname, port] = host.split(':')
  const queue = new Queue('queue', { prefix, connection: { host: hostname, port: Number(port), username, password } })
  try {
    for (let round = 0; round < byProfile(1, 7); round += 1) {
      await queue.pause()
      const pausedWorker = await pauseWorkerAt(LEASE_SCRIPT_POINT, () => traffic.openQueue())
      const worker = await faults.startWorker()
      await traffic.untilClosed(120_000)
      expect(await queue.isPaused()).toBe(false)
      await queue.pause()
      await pausedWorker.resume()
      expect(await queue.isPaused()).toBe(true)
      await worker.stop()
    }
    await queue.resume()
    expect(await faults.violations('workers paused before a script')).toEqual([])
  } finally {
    await queue.close()
  }
})
