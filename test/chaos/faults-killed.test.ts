import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { until } from '../acceptance/until.ts'
import { FAULT_POINTS, MARK_STARTED_POINT } from './fault-points.ts'
import { faultWorld, IN_FLIGHT } from './fault-world.ts'
import { byProfile, randomOf } from './profile.ts'
import { lastEngineEvents, type Restart } from './summary.ts'

const faults = faultWorld()

/** How many workers run at the same time, each with its own fault point. After all of them have died, one new worker takes over. */
const CONCURRENT_WORKERS = 3

test('kill -9 of the worker at each durable write and at random moments loses no incident and applies nothing twice', async () => {
  const { world, traffic } = faults
  const random = randomOf('killed worker')
  const restarts: Restart[] = []
  const startNext = async () => {
    const diedAt = Date.now()
    const worker = await faults.startWorker()
    restarts.push({ diedAt, startedAt: worker.startedAt })
    return worker
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
      const worker = await startNext()
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
    const worker = await startNext()
    await traffic.fill(IN_FLIGHT)
    await sleep(random.between(0, 5_000))
    worker.signal('SIGKILL')
    await worker.ended
  }
  await startNext()
  expect(await faults.violations(`${byProfile(12, 120) + byProfile(8, 100)} kills`, restarts)).toEqual([])
  expect(Math.max(...Object.values(slowestSeconds))).toBeLessThanOrEqual(60)
})

/** Whether the engine has closed each of these incidents or added an event to it. */
async function allHaveNewEvents(lastEvents: Map<string, number>): Promise<boolean> {
  const now = await lastEngineEvents(faults.world)
  return [...lastEvents].every(([incident, seq]) => now.get(incident) !== seq)
}
